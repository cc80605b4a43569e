"""What the README tells people to type works on the folder that ``sozialmonitor init`` writes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import geopandas as gpd
import pytest
from click.testing import CliRunner

from service.cli import main

README = Path(__file__).parents[3] / "README.md"


def test_any_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    block = re.search(r"## Any layers.*?```sh\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    program, *arguments = shlex.split(block[1].replace("\\\n", " "))
    assert program == "sozialmonitor"
    for call in (["init", "mycounty"], arguments):
        result = CliRunner().invoke(main, call, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    assert "chosen: dasymetric" in result.stderr
    found = gpd.read_file("ortsteile_ewz.gpkg", layer="ortsteile_ewz")
    sources = gpd.read_file("mycounty/data/grenzen/DE_VG250.gpkg")
    own = sources[sources["AGS"].str.startswith("99901")]
    assert found["EWZ"].sum() == pytest.approx(own["EWZ"].sum(), rel=1e-9)
    assert (found["EWZ_lower"] <= found["EWZ"]).all()
    assert len(list(Path("karten").glob("*.png"))) == 5

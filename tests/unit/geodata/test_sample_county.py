"""The invented county as a whole: the same bytes for the same seed, a description that loads, a truth kept apart."""

from __future__ import annotations

import hashlib
import json
import time
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from geodata.county import load_county
from geodata.county_schema import PROTECTED_WORDS
from geodata.errors import ConfigError
from geodata.models import Polarity, Topic
from geodata.sample import write_county


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "full"
    write_county(folder)
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "tiny"
    write_county(folder, size="tiny")
    return folder


def test_the_same_seed_gives_the_same_bytes_of_every_file(full: Path, tmp_path: Path):
    # The clock of a GeoPackage and of a workbook has seconds: let it move on.
    time.sleep(1.1)
    write_county(tmp_path / "again")
    assert hashes(tmp_path / "again") == hashes(full)


def test_another_seed_gives_another_county(tiny: Path, tmp_path: Path):
    write_county(tmp_path / "other", seed=7, size="tiny")
    same = {name for name, digest in hashes(tmp_path / "other").items() if hashes(tiny)[name] == digest}
    assert same == {"county.toml", "measures.toml"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_seed_gives_a_whole_county(seed: int, tmp_path: Path):
    write_county(tmp_path / "county", seed=seed)
    assert load_county(tmp_path / "county").key == "99901"


def test_both_sizes_hold_the_same_files(full: Path, tiny: Path):
    assert hashes(full).keys() == hashes(tiny).keys()
    assert (full / "county.toml").read_bytes() == (tiny / "county.toml").read_bytes()


def test_a_county_that_is_there_is_not_overwritten(tiny: Path):
    before = hashes(tiny)
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        write_county(tiny, size="tiny")
    assert hashes(tiny) == before


def test_an_unknown_size_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="full or tiny"):
        write_county(tmp_path / "county", size="huge")  # type: ignore[arg-type]


def test_every_file_of_data_is_described_and_the_truth_is_not_among_them(full: Path):
    county = load_county(full)
    named = {lv.file for lv in county.levels.values()} | {t.file for t in county.tables.values()}
    named |= {a.file for a in county.ancillary.values()}
    assert {p for p in hashes(full) if p.startswith("data/")} == named - {None}
    assert {p for p in hashes(full) if not p.startswith("data/")} == {
        "county.toml",
        "measures.toml",
        "truth/truth.json",
        "truth/cells.parquet",
    }
    assert "truth" not in (full / "county.toml").read_text(encoding="utf-8")


def test_no_file_of_data_speaks_of_what_was_planted(full: Path):
    for path in (full / "data").rglob("*"):
        if path.is_file():
            assert b"truth" not in path.read_bytes().lower(), path


def test_the_description_covers_topics_levels_and_support(full: Path):
    county = load_county(full)
    observed = Counter(i.level for i in county.indicators.values())
    assert observed["ortsteil"] >= 5
    assert 3 <= observed["gemeinde"] <= 4
    assert observed["grid100"] == 2
    assert len(county.indicators) >= 10
    topics = {i.topic for i in county.indicators.values()}
    assert {
        Topic.EMPLOYMENT,
        Topic.MINIMUM_INCOME,
        Topic.EDUCATION,
        Topic.HEALTH,
        Topic.GENDER,
        Topic.MIGRATION,
    } <= topics
    assert sum(bool(i.breakdown) for i in county.indicators.values()) >= 2
    handed = {t for i in county.indicators.values() for t in i.handed_down}
    assert handed == {"ortsteil", "grid100"}
    assert county.index is not None
    assert len(county.index.indicators) >= 5
    for indicator in county.indicators.values():
        for text in (indicator.title, indicator.definition):
            assert text.de
            assert text.en
            assert text.de != text.en
    for source in county.sources.values():
        assert source.licence
        assert source.legal_basis
        assert source.purpose
        assert source.reference_date


def test_no_burden_is_written_onto_people(full: Path):
    county = load_county(full)
    for indicator in county.indicators.values():
        said = " ".join((indicator.id, indicator.numerator, indicator.title.de, indicator.title.en))
        if indicator.topic in (Topic.MIGRATION, Topic.GENDER) or PROTECTED_WORDS.search(said):
            assert indicator.polarity is Polarity.NEUTRAL
        if indicator.topic is Topic.MIGRATION:
            assert not indicator.tested
            assert not indicator.handed_down
        # Whatever a breakdown counts by sex is declared, so that no indicator can be built on it with a polarity.
        for numerator, denominator in indicator.breakdown.values():
            assert county.characteristics[numerator] == "sex"
            assert county.characteristics[denominator] == "sex"


def test_a_polarity_on_citizenship_is_refused(full: Path, tmp_path: Path):
    text = (full / "county.toml").read_text(encoding="utf-8")
    head, tail = text.split('id = "nichtdeutsche_bevoelkerung"')
    tail = tail.replace('topic = "migration"', 'topic = "education"', 1)
    (tmp_path / "county.toml").write_text(
        head + 'id = "anteil_x"' + tail.replace('polarity = "neutral"', 'polarity = "disadvantage"', 1),
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="never a burden"):
        load_county(tmp_path, data=full)


def test_the_template_speaks_german_to_the_next_county(full: Path):
    text = (full / "county.toml").read_text(encoding="utf-8")
    tomllib.loads(text)
    assert sum(line.startswith("#") for line in text.splitlines()) >= 15
    assert max(map(len, text.splitlines())) < 260


def test_writing_is_fast(tmp_path: Path):
    start = time.process_time()
    write_county(tmp_path / "tiny", size="tiny")
    assert time.process_time() - start < 1.0
    start = time.process_time()
    write_county(tmp_path / "full")
    assert time.process_time() - start < 8.0


def test_the_truth_names_clusters_of_ortsteile_that_exist(full: Path):
    truth = json.loads((full / "truth" / "truth.json").read_text(encoding="utf-8"))
    keys = set(truth["ortsteile"])
    assert set(truth["clusters"]) == {
        i.id for i in load_county(full).indicators.values() if i.level == "ortsteil" and i.tested
    }
    for clusters in truth["clusters"].values():
        members = [o for kind in clusters.values() for cluster in kind for o in cluster]
        assert set(members) <= keys
        assert len(members) == len(set(members))
    assert [len(c) for c in truth["clusters"]["sgb2_quote"]["hot"]] == [6, 5]
    assert len(truth["clusters"]["grundsicherung_alter"]["hot"]) == 1

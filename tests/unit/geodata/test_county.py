"""county.toml: what is refused, and that the message names the place and the remedy."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from geodata import county_schema
from geodata.county import load_county
from geodata.errors import ConfigError, CrsError, MissingFileError

ROOT = Path(__file__).resolve().parents[3]

MINIMAL = """
[county]
id = "probe"
key = "99901"
title = { de = "Probe", en = "Sample" }

[[sources]]
id = "amt"
title = "Melderegister"
publisher = "Amt"
licence = "dl-de/by-2-0"
attribution = "© Amt"
legal_basis = "§ 1"
purpose = "Monitoring"

[[levels]]
id = "ortsteil"
title = "Ortsteile"
source = "amt"
file = "areas.gpkg"
id_field = "KEY"

[[tables]]
id = "figures"
source = "amt"
levels = ["ortsteil"]
file = "figures.csv"
format = "table"
area = "KEY"
period = "JAHR"
columns.unemployed = { column = "Arbeitslose" }
columns.people = { column = "Einwohner" }
columns.foreigners = { column = "Auslaender", characteristic = "nationality" }
columns.special = { column = "X", characteristic = "religion" }

[[indicators]]
id = "unemployment"
title = { de = "Arbeitslosigkeit", en = "Unemployment" }
topic = "employment"
numerator = "unemployed"
denominator = "people"
polarity = "disadvantage"
level = "ortsteil"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("areas.gpkg", "figures.csv"):
        (tmp_path / name).write_text("x")
    (tmp_path / "county.toml").write_text(MINIMAL, encoding="utf-8")
    return tmp_path


def write(folder: Path, old: str, new: str) -> None:
    text = MINIMAL.replace(old, new)
    assert text != MINIMAL
    (folder / "county.toml").write_text(text, encoding="utf-8")


def test_minimal_file_is_read_with_defaults(folder: Path) -> None:
    county = load_county(folder)
    assert county.id == "probe"
    assert county.crs == "EPSG:25832"
    assert county.indicators["unemployment"].scale == 100
    assert county.publication.min_numerator == 3
    assert county.characteristics["foreigners"] == "nationality"
    assert county.levels["ortsteil"].title.en == "Ortsteile"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "probe"', 'id = "probe"\ncolour = 1', r"county\.colour: unknown key"),
        ('key = "99901"', 'key = "999"', r"county\.key: .*found '999'"),
        ('key = "99901"', "key = 99901", r"county\.key: expected a text in quotes, found the number 99901"),
        ('purpose = "Monitoring"\n', "", r"sources\.amt\.purpose: expected, but missing"),
        ('id_field = "KEY"', "", r"levels\.ortsteil.*expected id_field"),
        ('format = "table"', 'format = "dbase"', r"tables\.figures\.format: expected one of 'table'.*found 'dbase'"),
        (
            'period = "JAHR"',
            "period = 22",
            r"tables\.figures\.period: expected a year of four digits.*found the number 22",
        ),
        (
            'numerator = "unemployed"',
            'numerator = "workless"',
            r"indicators\.unemployment: unknown variable 'workless'",
        ),
        ('denominator = "people"\n', "", r"expected a denominator"),
        ('source = "amt"\nlevels', 'source = "other"\nlevels', r"tables\.figures\.source: unknown source 'other'"),
        ('level = "ortsteil"\n', 'level = "ortsteil"\nhanded_down = ["ortsteil"]\n', r"other levels than its own"),
        ('id = "unemployment"', 'id = "period"', r"expected another id"),
        ('denominator = "people"', 'kind = "mean"', r"taken only from a source with released = true"),
        ('denominator = "people"', 'kind = "count"\ntested = true', r"clusters of a count are where many people live"),
        ('levels = ["ortsteil"]', "levels = []", r"expected one of the levels of table 'figures'"),
        ('id_field = "KEY"', 'id_field = "KEY"\nparent = "ortsteil"', r"parent_field: expected beside parent"),
        (
            'purpose = "Monitoring"',
            'purpos = "Monitoring"',
            r"amt\.purpos: unknown key \(perhaps 'purpose'\?\)",
        ),
        ('topic = "employment"', 'topic = "migration"', r'polarity = "neutral": topic migration'),
        ('numerator = "unemployed"', 'numerator = "foreigners"', r"speaks of nationality, migration, religion or sex"),
        ('numerator = "unemployed"', 'numerator = "special"', r"counts by religion, which is never a burden"),
        ('de = "Arbeitslosigkeit"', 'de = "Anteil Frauen"', r"never a burden"),
        ('de = "Arbeitslosigkeit"', 'de = "Ausländeranteil"', r"never a burden"),
        ('id = "unemployment"', 'id = "Unemployment"', r"indicators\.Unemployment\.id"),
    ],
)
def test_refusals_name_place_and_expectation(folder: Path, old: str, new: str, said: str) -> None:
    write(folder, old, new)
    with pytest.raises(ConfigError, match=said) as caught:
        load_county(folder)
    assert str(folder / "county.toml") in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "title",
    [
        "Männer ohne Arbeit",
        "women in work",
        "Konfessionslose",
        "Geflüchtete: Asyl",
        "Personen mit Migrationshintergrund",
    ],
)
def test_protected_words_take_no_polarity(folder: Path, title: str) -> None:
    write(folder, 'de = "Arbeitslosigkeit"', f'de = "{title}"')
    with pytest.raises(ConfigError, match="never a burden"):
        load_county(folder)
    text = MINIMAL.replace('de = "Arbeitslosigkeit"', f'de = "{title}"').replace('"disadvantage"', '"neutral"')
    (folder / "county.toml").write_text(text, encoding="utf-8")
    assert load_county(folder).indicators["unemployment"].polarity == "neutral"


@pytest.mark.parametrize("title", ["Alleinerziehende", "Arbeitslose unter 25", "Menschen ohne Abschluss", "Management"])
def test_ordinary_words_keep_their_polarity(folder: Path, title: str) -> None:
    write(folder, 'de = "Arbeitslosigkeit"', f'de = "{title}"')
    assert load_county(folder).indicators["unemployment"].polarity == "disadvantage"


def weighed(folder: Path, weights: str, ancillary: str, editions: str = "") -> None:
    """Describe a county that hands figures of Ortsteile down to cells."""
    (folder / "county.toml").write_text(
        MINIMAL.replace('levels = ["ortsteil"]', 'levels = ["ortsteil", "cell", "block"]')
        + """
[[sources]]
id = "open"
title = "Offenes Raster"
publisher = "Amt"
licence = "dl-de/by-2-0"
attribution = "© Amt"
legal_basis = "§ 1"
purpose = "Gewichte"
released = true

[[tables]]
id = "cells"
source = "open"
levels = ["cell"]
file = "figures.csv"
format = "table"
area = "KEY"
period = "JAHR"
columns.dwellings = { column = "Wohnungen" }

[[levels]]
id = "cell"
title = "Zellen"
source = "open"
file = "areas.gpkg"
id_field = "KEY"

[[levels]]
id = "block"
title = "Blöcke"
source = "open"
file = "areas.gpkg"
id_field = "KEY"
"""
        + ancillary
        + f'[[allocations]]\nsource = "ortsteil"\ntarget = "cell"\nweights = "{weights}"\n{editions}\n',
        encoding="utf-8",
    )


FINE = '[[ancillary]]\nid = "fine"\ntitle = "Fein"\nsource = "open"\nyear = 2022\nlevel = "cell"\n'
COARSE = '[[ancillary]]\nid = "coarse"\ntitle = "Grob"\nsource = "open"\nyear = 2022\nlevel = "block"\n'
RASTER = '[[ancillary]]\nid = "raster"\ntitle = "Raster"\nyear = 2022\nfile = "areas.gpkg"\n'


@pytest.mark.parametrize(
    ("weights", "ancillary"),
    [
        ("fine", FINE + 'variables = ["people"]\n'),
        ("fine", FINE + 'variables = ["dwellings"]\nbenchmark = "coarse"\n' + COARSE + 'variables = ["people"]\n'),
        ("raster", RASTER + 'source = "amt"\n'),
    ],
    ids=["its own variable", "the totals it is scaled to", "a raster"],
)
def test_a_public_matrix_is_not_made_of_what_is_not_released(folder: Path, weights: str, ancillary: str) -> None:
    weighed(folder, weights, ancillary)
    with pytest.raises(ConfigError, match=r'allocations\.ortsteil-cell\.editions: expected \["internal"\].*\bamt\b'):
        load_county(folder)
    weighed(folder, weights, ancillary, 'editions = ["internal"]')
    load_county(folder)
    weighed(folder, weights, ancillary.replace('"people"', '"dwellings"').replace('"amt"', '"open"'))
    if "coarse" not in ancillary:  # the open table has no figures of blocks
        load_county(folder)


def test_split_areas_are_not_shared_by_what_is_not_released(folder: Path) -> None:
    moved = '[territory]\nweights = "fine"\n'
    weighed(folder, "fine", FINE + 'variables = ["people"]\n', f'editions = ["internal"]\n{moved}')
    with pytest.raises(ConfigError, match=r"territory\.weights: expected released ancillary data.*\bamt\b"):
        load_county(folder)
    weighed(folder, "fine", FINE + 'variables = ["dwellings"]\n', moved)
    load_county(folder)


def test_missing_file_is_named(folder: Path) -> None:
    (folder / "figures.csv").unlink()
    with pytest.raises(MissingFileError, match=r"tables\.figures\.file = 'figures\.csv'"):
        load_county(folder)


def test_missing_county_toml_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="sozialmonitor init"):
        load_county(tmp_path)


def test_broken_toml_names_the_line(folder: Path) -> None:
    (folder / "county.toml").write_text("[county\nid = 1")
    with pytest.raises(ConfigError, match="line 1"):
        load_county(folder)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:999999", "nonsense"])
def test_geographic_and_unknown_crs_are_refused(folder: Path, crs: str) -> None:
    write(folder, 'key = "99901"', f'key = "99901"\ncrs = "{crs}"')
    with pytest.raises(CrsError, match=re.escape("county.crs")):
        load_county(folder)


def test_repeated_ids_are_refused(folder: Path) -> None:
    (folder / "county.toml").write_text(MINIMAL + MINIMAL[MINIMAL.index("[[indicators]]") :], encoding="utf-8")
    with pytest.raises(ConfigError, match="indicators: expected ids once each, found twice: unemployment"):
        load_county(folder)


def sections() -> list[type[BaseModel]]:
    return [c for c in vars(county_schema).values() if isinstance(c, type) and issubclass(c, county_schema.Section)]


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs" / "county-toml.md").read_text(encoding="utf-8")
    keys = {name for section in sections() for name in section.model_fields}
    undocumented = {k for k in keys if f"`{k}" not in text and f"[{k}]" not in text}
    assert not undocumented


def test_peine_is_described_as_the_schema_wants() -> None:
    raw: dict[str, Any] = tomllib.loads((ROOT / "counties" / "peine" / "county.toml").read_text(encoding="utf-8"))
    parsed = county_schema.CountyFile.model_validate(raw)
    migration = [i for i in parsed.indicators if i.topic == "migration"]
    assert migration
    assert all(i.polarity == "neutral" and not i.tested for i in migration)

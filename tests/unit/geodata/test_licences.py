"""Licences: known spellings, internal words, typing errors; what a source needs to be published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from geodata.licences import LICENCES, find_licence, objections
from geodata.models import Source

OPEN = Source("a", "A", "Amt", "dl-de/by-2-0", "© Amt", legal_basis="§ 16 BStatG")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("dl-de/by-2-0", "DL-DE-BY-2.0"),
        ("DL-DE-BY-2.0", "DL-DE-BY-2.0"),
        ("dl-by-de/2.0", "DL-DE-BY-2.0"),
        ("http://dcat-ap.de/def/licenses/dl-by-de/2.0", "DL-DE-BY-2.0"),
        ("dl-de/zero-2-0", "DL-DE-ZERO-2.0"),
        ("cc by 4.0", "CC-BY-4.0"),
        ("CC-BY-3.0-DE", "CC-BY-3.0-DE"),
        ("cc-zero", "CC0-1.0"),
        ("geoNutz/20130319", "geonutz/20130319"),
        ("https://www.govdata.de/dl-de/by-2-0", "DL-DE-BY-2.0"),
    ],
)
def test_spellings_of_spdx_and_govdata_name_the_same_licence(name: str, found: str) -> None:
    licence = find_licence(name)
    assert licence is not None
    assert licence.id == found


def test_no_name_stands_for_two_licences() -> None:
    names = [name.lower() for licence in LICENCES for name in {licence.id.lower(), *map(str.lower, licence.aliases)}]
    assert len(names) == len(set(names))


def test_an_open_source_with_a_legal_basis_is_publishable() -> None:
    assert objections(OPEN) == ()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"licence": ""}, ["no_licence"]),
        ({"legal_basis": ""}, ["no_legal_basis"]),
        ({"licence": "", "legal_basis": ""}, ["no_licence", "no_legal_basis"]),
        ({"licence": "nur intern"}, ["internal_licence"]),
        ({"licence": "Nur für den Dienstgebrauch"}, ["internal_licence"]),
        ({"licence": "vertraulich"}, ["internal_licence"]),
        ({"licence": "not for publication"}, ["internal_licence"]),
        ({"licence": "international licence"}, ["unknown_licence"]),
        ({"licence": "CC-BI-4.0"}, ["unknown_licence"]),
        ({"attribution": ""}, ["no_attribution"]),
        ({"licence": "CC0-1.0", "attribution": ""}, []),
    ],
)
def test_what_keeps_a_source_inside(change: dict[str, str], why: list[str]) -> None:
    assert [o.why for o in objections(replace(OPEN, **change))] == why  # type: ignore[arg-type]


def test_a_typing_error_is_answered_with_the_licence_that_is_meant() -> None:
    (found,) = objections(replace(OPEN, licence="dl-de/by-2-o"))
    assert "DL-DE-BY-2.0" in found.text.en
    assert "DL-DE-BY-2.0" in found.text.de

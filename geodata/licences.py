"""Licences under which open data of German offices appear, and whether a source may be published at all.

The list is short on purpose: a licence that is not on it is not published under, until somebody has looked at it. Ids
are those of SPDX and of GovData (vocabulary of DCAT-AP.de); both spellings name the same licence.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from geodata.models import Text

if TYPE_CHECKING:
    from geodata.models import Source


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence that allows to publish what is computed from the data.

    Attributes
    ----------
    id : str
        SPDX id, or GovData's where SPDX has none.
    title : str
        What it is called.
    url : str
        Where its text stands; some licences ask that every use links to it.
    attribution : bool
        The publisher must be named.
    aliases : tuple of str
        Other ids of the same licence.
    """

    id: str
    title: str
    url: str
    attribution: bool
    aliases: tuple[str, ...] = ()


LICENCES = (
    Licence(
        "DL-DE-BY-2.0",
        "Datenlizenz Deutschland – Namensnennung – Version 2.0",
        "https://www.govdata.de/dl-de/by-2-0",
        True,
        ("dl-de/by-2-0", "dl-by-de/2.0"),
    ),
    Licence(
        "DL-DE-ZERO-2.0",
        "Datenlizenz Deutschland – Zero – Version 2.0",
        "https://www.govdata.de/dl-de/zero-2-0",
        False,
        ("dl-de/zero-2-0", "dl-zero-de/2.0"),
    ),
    Licence("CC0-1.0", "CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/", False, ("cc-zero", "cc0")),
    Licence("CC-BY-4.0", "CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/", True, ("cc-by/4.0",)),
    Licence("CC-BY-3.0", "CC BY 3.0", "https://creativecommons.org/licenses/by/3.0/", True, ("cc-by/3.0",)),
    Licence(
        "CC-BY-3.0-DE",
        "CC BY 3.0 Deutschland",
        "https://creativecommons.org/licenses/by/3.0/de/",
        True,
        ("cc-by-de/3.0",),
    ),
    Licence("CC-BY-SA-4.0", "CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/", True, ("cc-by-sa/4.0",)),
    Licence(
        "ODbL-1.0",
        "Open Database License 1.0",
        "https://opendatacommons.org/licenses/odbl/1-0/",
        True,
        ("odbl", "odc-odbl"),
    ),
    Licence(
        "ODC-By-1.0",
        "Open Data Commons Attribution License 1.0",
        "https://opendatacommons.org/licenses/by/1-0/",
        True,
        ("odby", "odc-by"),
    ),
    Licence(
        "PDDL-1.0",
        "Public Domain Dedication and License 1.0",
        "https://opendatacommons.org/licenses/pddl/1-0/",
        False,
        ("odcpddl", "odc-pddl"),
    ),
    Licence(
        "geonutz/20130319",
        "Geodatennutzungsverordnung des Bundes (GeoNutzV)",
        "https://www.gesetze-im-internet.de/geonutzv/",
        True,
        ("GeoNutzV", "geonutzv-de-2013-03-19"),
    ),
    Licence(
        "officialWork",
        "Amtliches Werk, lizenzfrei nach § 5 UrhG",
        "https://www.gesetze-im-internet.de/urhg/__5.html",
        False,
        ("UrhG-5",),
    ),
)

#: Words by which people say that something stays in the house.
_INTERNAL = re.compile(
    r"\bintern(?!at)|vertraulich|dienstgebrauch|\bvs-nfd\b|nicht\s+(zur\s+|zu\s+)?veröffentlich|keine?\s+veröffentlich"
    r"|confidential|restricted|not\s+for\s+(release|publication)|proprietary|other-closed|alle\s+rechte",
    re.IGNORECASE,
)

Why = Literal["no_licence", "no_legal_basis", "internal_licence", "unknown_licence", "no_attribution"]


def _folded(name: str) -> str:
    return re.sub(r"[\s_]+", "-", name.strip().lower()).removeprefix("http://dcat-ap.de/def/licenses/")


_BY_NAME = {_folded(name): licence for licence in LICENCES for name in (licence.id, *licence.aliases, licence.url)}


@dataclass(frozen=True, slots=True)
class Objection:
    """Why nothing that is computed from a source may be published.

    Attributes
    ----------
    source : str
        Id of the source.
    why : str
        Code of the reason.
    text : Text
        For people: reason and remedy.
    """

    source: str
    why: Why
    text: Text


def find_licence(name: str) -> Licence | None:
    """Return the licence of a name.

    Parameters
    ----------
    name : str
        An id of SPDX or GovData, or the address of the licence's text; case, blanks and underscores do not matter.

    Returns
    -------
    Licence or None
        None where the list has none of this name.

    Examples
    --------
    >>> find_licence("dl-de/by-2-0").id
    'DL-DE-BY-2.0'
    >>> find_licence("nur intern") is None
    True
    """
    return _BY_NAME.get(_folded(name))


def similar(name: str) -> str:
    """Return the id on the list that looks most like a name, empty where none does."""
    near = difflib.get_close_matches(_folded(name), _BY_NAME, n=1, cutoff=0.6)
    return _BY_NAME[near[0]].id if near else ""


def objections(source: Source) -> tuple[Objection, ...]:
    """Say why a source may be used inside and not be published.

    Parameters
    ----------
    source : Source
        With what ``county.toml`` says about licence and legal basis.

    Returns
    -------
    tuple of Objection
        Empty where results may be published.

    Examples
    --------
    >>> from geodata.models import Source
    >>> [o.why for o in objections(Source("a", "A", "B", "nur intern", ""))]
    ['internal_licence', 'no_legal_basis']
    """
    found: list[Objection] = []

    def object_to(why: Why, de: str, en: str) -> None:
        found.append(Objection(source.id, why, Text(de, en)))

    licence = find_licence(source.licence)
    if not source.licence:
        object_to("no_licence", "keine Lizenz angegeben", "no licence is given")
    elif licence is None and _INTERNAL.search(source.licence):
        object_to(
            "internal_licence",
            f"nicht zur Veröffentlichung bestimmt (Lizenz „{source.licence}“)",
            f"not meant for publication (licence {source.licence!r})",
        )
    elif licence is None:
        near = similar(source.licence)
        object_to(
            "unknown_licence",
            f"unbekannte Lizenz „{source.licence}“" + (f" – gemeint ist vielleicht {near}" if near else ""),
            f"unknown licence {source.licence!r}" + (f", perhaps {near} is meant" if near else ""),
        )
    elif licence.attribution and not source.attribution:
        object_to(
            "no_attribution",
            f"{licence.id} verlangt eine Namensnennung, angegeben ist keine",
            f"{licence.id} asks for an attribution, none is given",
        )
    if not source.legal_basis:
        object_to("no_legal_basis", "keine Rechtsgrundlage angegeben", "no legal basis is given")
    return tuple(found)

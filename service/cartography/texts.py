"""The fixed words of maps, German and English, and how numbers are written in each."""

from __future__ import annotations

import math
import re
from types import MappingProxyType

from geodata.models import Text

TEXTS: MappingProxyType[str, Text] = MappingProxyType(
    {
        "draft": Text("Entwurf – nicht zur Veröffentlichung", "Draft – not for release"),
        "wrong": Text("absichtlich falsch", "wrong on purpose"),
        "exploratory": Text("Explorativ – nicht die Voreinstellung", "Exploratory – not the preset"),
        "legend": Text("Legende", "Legend"),
        "map": Text("Karte", "Map"),
        "missing": Text("keine Angabe / unterdrückt", "no data / suppressed"),
        "hidden": Text("nicht gezeigt (Datenschutz)", "not shown (data protection)"),
        "empty": Text("unbewohnt oder ohne Angabe", "uninhabited or no data"),
        "internal": Text(
            "Interne Ausgabe – darf diesen Rechner nicht verlassen",
            "Internal edition – must not leave this machine",
        ),
        "modelled_status": Text("modelliert", "modelled"),
        "about": Text("Was wird gezeigt", "What is shown"),
        "context": Text("Nachbargebiete (nicht bewertet)", "neighbouring areas (not assessed)"),
        "modelled": Text("modelliert, nicht gezählt", "modelled, not counted"),
        "modelled_popup": Text("Wert modelliert, nicht gezählt", "modelled value, not counted"),
        "not_for": Text("Wofür die Karte nicht taugt", "What this map must not be used for"),
        "source": Text("Quelle", "Source"),
        "licence": Text("Lizenz", "Licence"),
        "boundaries": Text("Gebietsstand", "Boundaries as of"),
        "method": Text("Methode", "Method"),
        "unit": Text("Angabe in", "Unit"),
        "findings": Text("Was die Karte sagt", "What the map says"),
        "marked": Text("Markierte Gebiete", "Marked areas"),
        "permalink": Text("Adresse dieses Stands", "Address of this state"),
        "close": Text("Schließen", "Close"),
        "zoom_in": Text("Vergrößern", "Zoom in"),
        "zoom_out": Text("Verkleinern", "Zoom out"),
        "whole": Text("Ganzes Gebiet zeigen", "Show the whole area"),
        "highlight": Text("Auf eine Klasse klicken hebt ihre Gebiete hervor.", "Click a class to highlight its areas."),
        "areas": Text("Gebiete", "areas"),
        "map_help": Text(
            "Pfeiltasten verschieben, Plus und Minus vergrößern und verkleinern.",
            "Arrow keys move the map, plus and minus zoom.",
        ),
        "no_script": Text(
            "Diese Karte braucht JavaScript; Bild und Tabelle stehen auf der Seite der Sammlung.",
            "This map needs JavaScript; picture and table are on the page of the collection.",
        ),
    }
)


def number(value: float, language: str, decimals: int | None = None) -> str:
    """Write a number the way people of a language read it.

    Parameters
    ----------
    value : float
        NaN and infinities are written as a dash.
    language : {"de", "en"}
        German has the decimal comma.
    decimals : int, optional
        Digits after the decimal sign; without it up to three, trailing zeros dropped.

    Returns
    -------
    str
        Thousands are set apart from 10 000 on, by a narrow space that does not break.

    Examples
    --------
    >>> number(1234.5, "de", 1)
    '1234,5'
    """
    if not math.isfinite(value):
        return "–"
    text = f"{value:.3f}".rstrip("0").rstrip(".") if decimals is None else f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    whole, dot, fraction = text.partition(".")
    if len(whole.lstrip("-")) > 4:
        whole = f"{int(whole):,}".replace(",", "\u202f")
    sign = "," if language == "de" else "."
    return (whole + (sign + fraction if dot else "")).replace("-", "−")


def date(text: str, language: str) -> str:
    """Write an ISO date the German way: 2024-12-31 → 31.12.2024; anything else stays as it is.

    Examples
    --------
    >>> date("2024-12-31", "de"), date("Anfang 2024", "de")
    ('31.12.2024', 'Anfang 2024')
    """
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text)
    return f"{found[3]}.{found[2]}.{found[1]}" if found and language == "de" else text

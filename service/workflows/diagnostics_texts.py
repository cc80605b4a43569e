"""What maps of handed-down columns say, German and English."""

from __future__ import annotations

from types import MappingProxyType

from geodata.models import Text

SAID: MappingProxyType[str, Text] = MappingProxyType(
    {
        "modelled_title": Text("{name} je km², modelliert", "{name} per km², modelled"),
        "counted_title": Text("{name} je km², gezählt", "{name} per km², counted"),
        "value_title": Text("{name}, modelliert", "{name}, modelled"),
        "width_title": Text("{name}: Wie sicher ist der Wert?", "{name}: how sure is the value?"),
        "kappa_title": Text("{name}: Wie viel davon ist bekannt?", "{name}: how much of it is known?"),
        "provenance_title": Text("Wonach wurde verteilt?", "What were the figures shared by?"),
        "subtitle_modelled": Text(
            "{n} Zielgebiete, verteilt aus {sources} Quellgebieten", "{n} targets, shared out from {sources} sources"
        ),
        "subtitle_counted": Text("{n} Quellgebiete, wie geliefert", "{n} sources, as delivered"),
        "per_km2": Text("Anzahl je km²", "count per km²"),
        "modelled": Text(
            "Diese Werte sind gerechnet, nicht gezählt; die Summe jedes Quellgebiets bleibt erhalten.",
            "These values are computed, not counted; the sum of every source is kept.",
        ),
        "counted": Text(
            "Das ist gezählt: mehr wissen die Ausgangsdaten nicht.", "This is what was counted: the data know no more."
        ),
        "value": Text(
            "Diese Werte sind gerechnet, nicht gezählt; in {n} Gebieten gibt es {distinct} verschiedene.",
            "These values are computed, not counted; there are {distinct} different ones in {n} areas.",
        ),
        "width": Text(
            "Das {level}-%-Intervall ist im mittleren Gebiet {middle} % des Werts breit.",
            "In the median area the {level} % interval is {middle} % of the value wide.",
        ),
        "width_indicative": Text(
            "Nur ein Anhaltspunkt, die Grundlage ist schmal: im mittleren Gebiet ist das {level}-%-Intervall "
            "{middle} % des Werts breit.",
            "Indicative only, it rests on little: in the median area the {level} % interval is {middle} % of the value "
            "wide.",
        ),
        "width_reading": Text(
            "Breite des Intervalls im Verhältnis zum Wert; dunkel = unsicher",
            "width of the interval relative to the value; dark = unsure",
        ),
        "kappa": Text(
            "In {partly} von {n} Gebieten fehlt ein Teil der Ausgangszahlen.",
            "In {partly} of {n} areas a part of the figures is missing.",
        ),
        "kappa_all": Text(
            "In allen {n} Gebieten liegen alle Ausgangszahlen vor.", "In all {n} areas every figure is there."
        ),
        "no_mass": Text("niemand zu verteilen", "nobody to share out"),
        "kappa_reading": Text(
            "κ: Anteil des Gebiets, nach der Verteilungsgröße, für den eine Zahl vorliegt",
            "κ: share of the area, by what was shared by, for which there is a figure",
        ),
        "provenance": Text(
            "In {fallback} von {n} Gebieten sagten die Hilfsdaten nichts; dort steht, was stattdessen galt.",
            "In {fallback} of {n} areas the ancillary data said nothing; the map says what was used instead.",
        ),
        "provenance_all": Text(
            "In allen {n} Gebieten wurde nach den Hilfsdaten verteilt.",
            "In all {n} areas the ancillary data were used.",
        ),
        "provenance_area": Text(
            "Ohne Hilfsdaten: alles ist gleichmäßig über die Fläche verteilt.",
            "Without ancillary data: everything is spread evenly over the area.",
        ),
        "provenance_smooth": Text(
            "Ohne Hilfsdaten: geglättet über die Fläche verteilt.",
            "Without ancillary data: spread smoothly over the area.",
        ),
        "provenance_method": Text(
            "je Gebiet die schwächste Grundlage eines beteiligten Quellgebiets",
            "for each area the weakest basis among its sources",
        ),
        "nothing": Text("kein Quellgebiet", "no source"),
        "sources": Text(
            "Unabhängig beobachtet sind nur die {sources} Quellgebiete; Unterschiede innerhalb eines Quellgebiets "
            "stammen aus den Hilfsdaten.",
            "Only the {sources} sources were observed; differences inside a source come from the ancillary data.",
        ),
        "sources_area": Text(
            "Unabhängig beobachtet sind nur die {sources} Quellgebiete; innerhalb eines Quellgebiets ist alles "
            "gleichmäßig verteilt.",
            "Only the {sources} sources were observed; inside a source everything is spread evenly.",
        ),
        "sources_smooth": Text(
            "Unabhängig beobachtet sind nur die {sources} Quellgebiete; Unterschiede innerhalb eines Quellgebiets "
            "kommen aus der Glättung über seine Grenzen.",
            "Only the {sources} sources were observed; differences inside a source come from smoothing across its "
            "borders.",
        ),
        "per": Text("{top} je {bottom}", "{top} per {bottom}"),
        "constant": Text("in jedem Quellgebiet konstant; verteilt {how}", "constant in each source; shared out {how}"),
        "own": Text(
            "der Zähler hat eigene Gewichte, gelernt aus den Summen der Quellgebiete",
            "the numerator has weights of its own, learned from the totals of the sources",
        ),
        "mean": Text("nach Fläche gewichteter Mittelwert", "mean weighted by area"),
        "by": Text("Verteilt nach {weights}.", "Shared out by {weights}."),
        "counted_note": Text(
            "Gezählte Karten haben durchgezogene Grenzen, modellierte gestrichelte.",
            "Maps of counts have solid borders, modelled ones dashed borders.",
        ),
        "caveat": Text(
            "Nicht für Aussagen über einzelne Straßen oder Häuser und nicht, um Gebiete desselben Quellgebiets "
            "gegeneinander zu reihen. Nichts ist unterdrückt: vor einer Veröffentlichung prüfen.",
            "Not for statements about single streets or houses, nor to rank areas of one source against each other. "
            "Nothing is suppressed: check before publishing.",
        ),
        "counted_caveat": Text(
            "Nichts ist unterdrückt: vor einer Veröffentlichung prüfen.",
            "Nothing is suppressed: check before publishing.",
        ),
    }
)

#: Names of :data:`spatial.disaggregation.transfer.CASCADE`.
BY: MappingProxyType[str, Text] = MappingProxyType(
    {
        "ancillary": Text("nach den Hilfsdaten", "by the ancillary data"),
        "mask": Text("gleichmäßig über besiedelte Fläche", "evenly over settled land"),
        "area": Text("gleichmäßig über die Fläche", "evenly over the area"),
        "outside": Text("kommt nirgends an", "arrives nowhere"),
    }
)

#: Classes of κ.
KNOWN: MappingProxyType[str, Text] = MappingProxyType(
    {
        "complete": Text("vollständig (κ = 100 %)", "complete (κ = 100 %)"),
        "partly": Text("überwiegend (κ ab 50 %)", "mostly (κ from 50 %)"),
        "poor": Text("weniger als zur Hälfte", "less than half"),
    }
)

#: Names of :data:`service.workflows.ground.METHODS`.
METHODS: MappingProxyType[str, Text] = MappingProxyType(
    {
        "area": Text("gleichmäßig über die Fläche", "evenly over the area"),
        "dasymetric": Text("nach den Hilfsdaten", "by the ancillary data"),
        "pycnophylactic": Text("geglättet (pyknophylaktisch)", "smooth (pycnophylactic)"),
        "refined": Text("Hilfsdaten, abgestimmt auf grobe Zellen", "ancillary data refined to coarse cells"),
        "learned": Text("gelernt aus den Summen der Quellgebiete", "learned from the totals of the sources"),
    }
)

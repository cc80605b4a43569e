"""What labels, categories and states of the hotspot layers are called, for columns, legends and sentences alike."""

from __future__ import annotations

from geodata.models import Text

UNSURE = {
    "unsure high": Text("unsicher, hoch: hält in zu wenigen Varianten", "unsure, high: holds in too few variants"),
    "unsure low": Text("unsicher, niedrig: hält in zu wenigen Varianten", "unsure, low: holds in too few variants"),
}

#: Category of :class:`spatial.autocorrelation.spacetime.Emerging` → what it says after "hot" or "cold".
EMERGING = {
    "new": Text("neu: erstmals im letzten Jahr", "new: in the last year for the first time"),
    "consecutive": Text("anhaltend: seit mindestens zwei Jahren", "consecutive: for at least two years"),
    "intensifying": Text("zunehmend: fast immer, stärker werdend", "intensifying: nearly always, growing"),
    "persistent": Text("beständig: fast immer, ohne Trend", "persistent: nearly always, no trend"),
    "diminishing": Text("abnehmend: fast immer, schwächer werdend", "diminishing: nearly always, fading"),
    "sporadic": Text("gelegentlich: jetzt und mit Lücken zuvor", "sporadic: now, and off and on before"),
    "oscillating": Text("wechselnd: jetzt, früher das Gegenteil", "oscillating: now, once the opposite"),
    "historical": Text("früher: fast immer, jetzt nicht mehr", "historical: nearly always, but not now"),
}
NO_PATTERN = Text("kein Muster", "no pattern")
SIDES = {"hot": Text("Hot Spot", "hot spot"), "cold": Text("Cold Spot", "cold spot")}

CHANGE = {
    "High-High": Text(
        "mehr gestiegen oder weniger gesunken als im Mittel, ringsum auch",
        "rose more or fell less than the mean, so around",
    ),
    "Low-Low": Text(
        "weniger gestiegen oder mehr gesunken als im Mittel, ringsum auch",
        "rose less or fell more than the mean, so around",
    ),
    "High-Low": Text(
        "mehr gestiegen oder weniger gesunken, ringsum umgekehrt", "rose more or fell less, the reverse around"
    ),
    "Low-High": Text(
        "weniger gestiegen oder mehr gesunken, ringsum umgekehrt", "rose less or fell more, the reverse around"
    ),
    "not significant": Text("nicht auffällig", "not significant"),
}

AGREEMENT = {
    "same label": Text("auf beiden Ebenen dasselbe Cluster", "the same cluster at both levels"),
    "only here": Text("Cluster nur auf dieser Ebene", "cluster at this level only"),
    "only there": Text("Cluster nur im größeren Gebiet", "cluster in the larger area only"),
    "other label": Text("auf jeder Ebene ein anderes Cluster", "another cluster at each level"),
    "neither": Text("auf keiner Ebene auffällig", "not significant at either level"),
}


def emerging(side: str, category: str) -> Text:
    """Return what a category of one side is called.

    Examples
    --------
    >>> emerging("hot", "new").en
    'hot spot, new: in the last year for the first time'
    """
    spot, how = SIDES[side], EMERGING[category]
    return Text(f"{spot.de}, {how.de}", f"{spot.en}, {how.en}")

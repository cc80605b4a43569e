"""Names of the sheets of a department's template that hold no figures to fill."""

from __future__ import annotations

GUIDE, DEFINITIONS, COVER, MACHINE = "Anleitung", "Definitionen", "Begleitangaben", "_sozialmonitor"
#: What was known before, to compare with.
KNOWN = "Letzte Werte"

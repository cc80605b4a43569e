"""Names of the sheets of a department's template that hold no figures."""

from __future__ import annotations

GUIDE, DEFINITIONS, COVER, MACHINE = "Anleitung", "Definitionen", "Begleitangaben", "_sozialmonitor"

"""Names of the invented county: compounds that sound like the north of Germany and stand on no map we know of.

Stems are animals, plants and weather, put before the endings of real place names, so that a reader recognises a village
and yet cannot take it for one that exists.
"""

from __future__ import annotations

import numpy as np

STEMS = (
    "Abendstern", "Ackerwinden", "Bernstein", "Binsenkraut", "Blaumeisen", "Brombeer", "Buchfinken", "Distelblüten",
    "Dotterblumen", "Eidechsen", "Federgras", "Feldlerchen", "Feuersalamander", "Frühnebel", "Ginsterkatzen",
    "Glimmer", "Glühwürmchen", "Goldammer", "Grillen", "Hagebutten", "Haselmaus", "Heidschnucken", "Holunderblüten",
    "Honigklee", "Hummel", "Igelkolben", "Kiebitz", "Kieselstein", "Kletten", "Kornblumen", "Krebsscheren",
    "Laubfrosch", "Leinkraut", "Libellen", "Lupinen", "Margeriten", "Marienkäfer", "Maulwurfs", "Mauersegler",
    "Mondschein", "Murmel", "Nebelkrähen", "Pfefferminz", "Polarlicht", "Pusteblumen", "Quellmoos", "Regenbogen",
    "Ringelnatter", "Rotkehlchen", "Rohrkolben", "Sanddorn", "Schachtelhalm", "Schafgarben", "Schlehdorn",
    "Schlüsselblumen", "Schneeball", "Seerosen", "Siebenschläfer", "Silberdistel", "Sonnentau", "Sternschnuppen",
    "Stieglitz", "Sumpfdotter", "Tausendgülden", "Teichhuhn", "Wacholder", "Waldmeister", "Wegwarten", "Weidenkätzchen",
    "Wetterleuchten", "Wiesenschaum", "Windröschen", "Wolken", "Wollgras", "Zaunkönigs", "Zitronenfalter",
)  # fmt: skip
ENDINGS = ("büttel", "hausen", "rode", "stedt", "loh", "horst", "fehn", "kamp", "wedel", "dorf", "hagen", "moor")
QUARTERS = (
    "Innenstadt", "Bahnhofsviertel", "Nordviertel", "Wasserturmviertel", "Ziegeleiviertel", "Südviertel",
    "Hafenviertel", "Gartenviertel", "Ostviertel", "Zuckerfabrik", "Westviertel", "Mühlenviertel", "Dichterviertel",
    "Kasernenviertel",
)  # fmt: skip
TOWN = "Musterstadt"


def compounds(number: int, rng: np.random.Generator) -> list[str]:
    """Return invented place names, each once; a stem is not used twice before all have been used.

    Parameters
    ----------
    number : int
        How many are wanted, at most ``len(STEMS) * len(ENDINGS)``.
    rng : numpy.random.Generator
        Decides which.

    Returns
    -------
    list of str
        The names.
    """
    names: list[str] = []
    while len(names) < number:
        stems = rng.permutation(len(STEMS))
        endings = rng.integers(len(ENDINGS), size=len(STEMS))
        fresh = [STEMS[s] + ENDINGS[e] for s, e in zip(stems, endings, strict=True)]
        names += [name for name in fresh if name not in names]
    return names[:number]

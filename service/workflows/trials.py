"""The county's tests on many invented counties, calculation only (``sozialmonitor demo --check --seeds``, ``--null``).

With planted clusters: how many of the planted areas are found, and how much of what is found was not planted. Without
them: whether anything is found more often than the level allows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any, Literal

import numpy as np
import pandas as pd

from geodata.errors import UntestableError
from service.workflows.truth import Found

#: Draws of a local test; 80 areas need 3 199 for a single discovery.
PERMUTATIONS = 9_999

#: A null county fails where so many rejections or more have a smaller chance than this at the level of the test.
DOUBT = 0.05

#: Groups of people that a table calls by a name of its own.
_GROUPS = {"vorsorge_kinder": "unter_15", "lernmittel_kinder": "von_6_bis_17"}

#: Indicators of the Gemeinden that are handed down to Ortsteile: register counts, people.
_HANDED_DOWN = {"beschaeftigungsquote": ("beschaeftigte", "von_15_bis_64"), "pflegequote": ("pflege", "ab_65")}


@dataclass(frozen=True, slots=True)
class Trial:
    """One indicator of one invented county.

    Attributes
    ----------
    seed : int
        Of the county.
    found : Found
        Planted, marked and neighbouring areas.
    cold : int
        Areas marked Low-Low or cold.
    p : float or None
        Of the global test.
    tested : int
        Areas with a local test; 0 where the local hypotheses are too few, as for figures handed down from 8 Gemeinden.
    """

    seed: int
    found: Found
    cold: int
    p: float | None
    tested: int


def rehearse(
    seeds: Iterable[int],
    *,
    null: bool = False,
    size: Literal["full", "tiny"] = "full",
    say: Callable[[str], None] = lambda _line: None,
) -> list[Trial]:
    """Invent counties and test their latest year as a run would test the public edition.

    Parameters
    ----------
    seeds : iterable of int
        One county each.
    null : bool, default False
        Neither clusters nor a smooth gradient: what is left is chance, of each person and of each Ortsteil.
    size : {"full", "tiny"}
        See :func:`geodata.sample.write_county`.
    say : callable
        Receives a line of progress now and then.

    Returns
    -------
    list of Trial
        One for each seed and indicator; with ``null`` also for those handed down, where there are enough Gemeinden.
    """
    from geodata.sample.geography import PLANS
    from geodata.sample.write import imagine

    plan = PLANS[size]
    if null:
        plan = replace(plan, hot=(), cold=(), background=0.0)
    settings = tomllib.loads(resources.files("geodata.sample").joinpath("county.toml").read_text(encoding="utf-8"))
    out: list[Trial] = []
    for number, seed in enumerate(seeds, 1):
        out += _county(seed, *imagine(plan, seed), settings=settings, null=null)
        if number % 10 == 0:
            say(f"  {number} counties")
    return out


def _county(seed: int, land: Any, people: Any, truth: Any, *, settings: dict[str, Any], null: bool) -> list[Trial]:
    import geopandas as gpd

    from geodata.sample.geography import CRS
    from geodata.sample.truth import REGISTERS, populations
    from spatial.autocorrelation.global_ import moran
    from spatial.autocorrelation.graphs import contiguity
    from spatial.autocorrelation.local import local_tests
    from spatial.autocorrelation.neighbours import prepare
    from spatial.autocorrelation.rates import empirical_bayes

    tests, rules = settings["tests"], settings["publication"]
    keys = pd.Index(land.ortsteil_keys)
    graph = contiguity(gpd.GeoDataFrame(geometry=list(land.ortsteile), index=keys, crs=CRS), tests["graph"]["ortsteil"])
    ready = prepare(graph)
    near = graph.adjacency.index.to_frame(index=False).groupby("focal")["neighbor"].agg(frozenset)
    group = populations(people)
    out = []
    for indicator in settings["indicators"]:
        name, below = indicator["id"], indicator.get("denominator", "")
        if name not in REGISTERS:
            continue
        cases = pd.Series(sum(truth.counts[part][:, -1] for part in REGISTERS[name]), keys, dtype=np.float64)
        base = pd.Series(group[_GROUPS.get(below, below)][:, -1], keys, dtype=np.float64)
        hidden = (base < rules["min_denominator"]) | ((cases > 0) & (cases < rules["min_numerator"]))
        rate = empirical_bayes(cases.mask(hidden), base.mask(hidden))
        rng = np.random.default_rng([tests["seed"], seed])
        table = local_tests(
            rate,
            ready,
            rng=rng,
            permutations=PERMUTATIONS,
            alpha=tests["alpha"],
            correction=tests["correction"],
            suppressed=hidden,
            min_areas=tests["min_areas"],
        ).table
        planted = frozenset(keys[o] for cluster in truth.members(REGISTERS[name][0])["hot"] for o in cluster)
        hot = (table["label"] == "High-High") | (table["gi_star_label"] == "hot")
        cold = (table["label"] == "Low-Low") | (table["gi_star_label"] == "cold")
        ring = frozenset().union(*(near[area] for area in planted)) - planted
        whole = moran(rate, graph, permutations=tests["global_replicates"], rng=rng)
        found = Found(name, planted, frozenset(table.index[hot]), ring)
        out.append(Trial(seed, found, int(cold.sum()), whole.p, int((table["state"] == "tested").sum())))
    if null:
        out += _handed_down(seed, land, people, truth, group, graph, tests)
    return out


def _handed_down(
    seed: int, land: Any, people: Any, truth: Any, group: dict[str, Any], graph: Any, tests: dict[str, Any]
) -> list[Trial]:
    """Test what the Gemeinden know under the null that knows how it was handed down."""
    from spatial.autocorrelation.support import global_support_test
    from spatial.disaggregation import cell_weights

    keys = pd.Index(land.ortsteil_keys)
    source_of = pd.Series([land.gemeinde_keys[g] for g in land.gemeinde_of], index=keys)
    living = np.bincount(people.ortsteil_of, people.cell_people, minlength=len(keys))
    weights = cell_weights(source_of, pd.Series(living, index=keys))
    out = []
    for name, (above, below) in _HANDED_DOWN.items():
        cases, base = (
            pd.Series(numbers[:, -1], keys, dtype=np.float64).groupby(source_of).sum()
            for numbers in (truth.counts[above], group[below])
        )
        rng = np.random.default_rng([tests["seed"], seed])
        try:
            whole = global_support_test(cases, base, weights, graph, permutations=tests["global_replicates"], rng=rng)
        except UntestableError:
            continue
        out.append(Trial(seed, Found(name, frozenset(), frozenset(), frozenset()), 0, whole.p, 0))
    return out


def power_table(trials: Sequence[Trial]) -> list[str]:
    """Write recall and false share of each indicator: medians over the counties, and the worst of them.

    Parameters
    ----------
    trials : sequence of Trial
        With planted clusters.

    Returns
    -------
    list of str
        A table in lines. Neighbours of planted areas are neither right nor false; their mean number stands apart.
    """
    lines = [
        f"{'indicator':<24}{'planted':>8}{'recall':>8}{'lowest':>8}{'false':>8}{'highest':>8}{'neighbours':>12}   "
        f"({len({t.seed for t in trials})} counties, medians)"
    ]
    for name, row in recall_by_indicator(trials).iterrows():
        lines.append(
            f"{name:<24}{row['planted']:>8.0f}{row['recall']:>8.2f}{row['lowest']:>8.2f}{row['false']:>8.2f}"
            f"{row['highest']:>8.2f}{row['neighbours']:>12.1f}"
        )
    return lines


def recall_by_indicator(trials: Sequence[Trial]) -> pd.DataFrame:
    """Return ``planted``, ``recall``, ``lowest``, ``false``, ``highest`` and ``neighbours`` of each indicator.

    Parameters
    ----------
    trials : sequence of Trial
        With planted clusters.

    Returns
    -------
    pandas.DataFrame
        Indexed by indicator: medians of recall and false share over the counties and their worst, and the mean number
        of marked neighbours of planted areas.
    """
    table = pd.DataFrame(
        [
            {
                "indicator": t.found.indicator,
                "planted": len(t.found.planted),
                "recall": t.found.recall,
                "false": t.found.false_share,
                "neighbours": len(t.found.flagged & t.found.ring),
            }
            for t in trials
        ]
    ).groupby("indicator", sort=False)
    return pd.DataFrame(
        {
            "planted": table["planted"].median(),
            "recall": table["recall"].median(),
            "lowest": table["recall"].min(),
            "false": table["false"].median(),
            "highest": table["false"].max(),
            "neighbours": table["neighbours"].mean(),
        }
    )


def null_table(trials: Sequence[Trial], alpha: float = 0.05) -> tuple[list[str], bool]:
    """Write how often something was found where nothing is, and whether that is more than the level allows.

    Parameters
    ----------
    trials : sequence of Trial
        Without planted clusters.
    alpha : float, default 0.05
        Level of the tests.

    Returns
    -------
    lines : list of str
        A table: maps with an area marked hot, maps with any label, maps that the global test rejects.
    kept : bool
        No number is so large that chance at the level α would give it, or more, in less than 5 % of the repeats
        (one-sided, for each indicator).
    """
    from scipy.stats import binom

    counties = len({t.seed for t in trials})
    allowed = int(binom.ppf(1 - DOUBT, counties, alpha))
    lines = [
        f"{'indicator':<24}{'hot':>6}{'label':>7}{'global':>8}   (of {counties} counties without a cluster; at level "
        f"{alpha:g} up to {allowed} are chance)"
    ]
    kept = True
    for name in dict.fromkeys(t.found.indicator for t in trials):
        mine = [t for t in trials if t.found.indicator == name]
        local = any(t.tested for t in mine)
        hot, label = sum(bool(t.found.flagged) for t in mine), sum(bool(t.found.flagged) or t.cold > 0 for t in mine)
        whole = sum(t.p is not None and t.p <= alpha for t in mine)
        bad = max(hot, label, whole) > allowed
        kept &= not bad
        first, second = (str(hot), str(label)) if local else ("–", "–")
        lines.append(
            f"{name:<24}{first:>6}{second:>7}{whole:>8}"
            + ("" if local else "   handed down from 8 Gemeinden: too few for local tests")
            + ("   MORE THAN CHANCE" if bad else "")
        )
    return lines, kept

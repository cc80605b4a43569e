"""Many variants of one index at once: other values, weights, normalisations, aggregations and missing-value rules."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from geodata.errors import AreaKeyError, ColumnError, SpatialError, some
from spatial.index.aggregate import Aggregation
from spatial.index.standardise import checked_weights

_WHERE = "variants of the index"

#: Scales that variants may take. Ranks are percentiles on another scale and would be the same variant.
Scale = Literal["z", "min-max", "percentile"]

#: Draws that are in memory at once in a thread: 32 × 12 × 542 float64 fit a second-level cache.
_CHUNK = 32


@dataclass(frozen=True, slots=True)
class Choices:
    """What an analyst might have chosen otherwise. The first of each is the index itself.

    Attributes
    ----------
    weights : mapping of str to float, optional
        Of the index; equal by default.
    weight_spread : float, default 0.25
        Each weight is drawn from weight × [1 − spread, 1 + spread]; 0 keeps the weights. Below 1.
    normalisations : sequence of {"z", "min-max", "percentile"}
        Among the areas of the variant. To let all aggregations be defined, z is put on the scale 100 + 10 z of
        Mazziotta and Pareto (2016, *Social Indicators Research* 127, 983–1003), the others on 1 … 100.
    aggregations : sequence of {"arithmetic", "geometric", "harmonic", "minimum"}
    min_shares : sequence of float
        Missing-value rules: share of the weight that must be known (:func:`spatial.index.aggregate.aggregate`).
    ddof : {0, 1}, default 0
        Of z.
    """

    weights: Mapping[str, float] | None = None
    weight_spread: float = 0.25
    normalisations: Sequence[Scale] = ("z", "min-max", "percentile")
    aggregations: Sequence[Aggregation] = ("arithmetic", "geometric")
    min_shares: Sequence[float] = (1.0,)
    ddof: int = 0

    def __post_init__(self) -> None:
        for name, known in (("normalisations", get_args(Scale)), ("aggregations", get_args(Aggregation))):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given) or (wrong := [one for one in given if one not in known]):
                raise SpatialError(
                    f"expected {name} among {', '.join(known)}, each once, found {some(given) or 'none'}"
                    + (f" ({some(wrong)})" if given and len(set(given)) == len(given) else ""),
                    where=_WHERE,
                )
        if not 0 <= self.weight_spread < 1:
            raise SpatialError(
                f"expected a spread of weights from 0 to below 1, found {self.weight_spread}", where=_WHERE
            )
        if not self.min_shares or not all(0 < share <= 1 for share in self.min_shares):
            raise SpatialError(f"expected shares above 0 and at most 1, found {self.min_shares}", where=_WHERE)
        if self.ddof not in (0, 1):
            raise SpatialError(f"expected ddof 0 or 1, found {self.ddof}", where=_WHERE)


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """Values and choices from which variants are made.

    Attributes
    ----------
    draws : numpy.ndarray, shape (D, n, m)
        Draws of the values from their posterior, high = more disadvantage, NaN where missing (the same places in all
        draws). Never draws around noisy values: they overstate extremes. One draw (D = 1) keeps the values.
    areas : pandas.Index, length n
        A wider reference frame is rows like any other: all areas count for scales, ranks and classes.
    indicators : tuple of str, length m
    choices : Choices

    Raises
    ------
    AreaKeyError, ColumnError, SpatialError
        Shapes, ids, missing values or weights do not fit; an indicator is the same everywhere.
    """

    draws: np.ndarray
    areas: pd.Index
    indicators: tuple[str, ...]
    choices: Choices

    def __post_init__(self) -> None:
        if self.draws.ndim != 3 or self.draws.shape[1:] != (len(self.areas), len(self.indicators)):
            raise SpatialError(
                f"expected draws × {len(self.areas)} areas × {len(self.indicators)} indicators, "
                f"found {self.draws.shape}",
                where=_WHERE,
            )
        if not len(self.draws) or len(self.areas) < 2:
            raise SpatialError("expected at least one draw and two areas", where=_WHERE)
        if not self.areas.is_unique:
            raise AreaKeyError("expected each area once", where=_WHERE)
        if len(set(self.indicators)) < len(self.indicators) or not self.indicators:
            raise ColumnError("expected at least one indicator, each once", where=_WHERE)
        flat = self._flat()
        if flat.any():
            raise SpatialError(
                f"expected values that differ between areas in every draw, found none in "
                f"{some(np.array(self.indicators)[flat])}",
                where=_WHERE,
                hint="leave this indicator out of the index",
            )
        checked_weights(self.choices.weights, pd.Index(self.indicators))

    def _flat(self) -> np.ndarray:
        """Say which indicators are the same everywhere in a draw; refuse draws that are missing here and there."""
        known = ~np.isnan(self.draws[0])
        flat = np.zeros(len(self.indicators), dtype=bool)
        for start in range(0, len(self.draws), 8 * _CHUNK):  # in pieces: a mask of all draws would double the memory
            part = self.draws[start : start + 8 * _CHUNK]
            low, high = part, part
            regular = True
            if not known.all():
                regular = bool((~np.isnan(part) == known).all())
                low, high = np.where(known, part, np.inf), np.where(known, part, -np.inf)
            low, high = low.min(axis=1), high.max(axis=1)  # both are NaN where a value is
            if (
                not regular
                or np.isnan(low).any()
                or (np.isinf(low) & known.any(axis=0)).any()
                or np.isposinf(high).any()
            ):
                raise SpatialError("expected finite draws, missing in the same places in all of them", where=_WHERE)
            flat |= ~(high > low).all(axis=0)
        return flat

    def factors(self) -> dict[str, int]:
        """Return the sources of uncertainty that vary, with the number of unit numbers each takes.

        Returns
        -------
        dict of str to int
            Some of ``values`` (1), ``weights`` (one per indicator), ``normalisation``, ``aggregation``, ``missing`` (1
            each), in this order.
        """
        c = self.choices
        varied = {
            "values": int(len(self.draws) > 1),
            "weights": len(self.indicators) if c.weight_spread > 0 and len(self.indicators) > 1 else 0,
            "normalisation": int(len(c.normalisations) > 1),
            "aggregation": int(len(c.aggregations) > 1),
            "missing": int(len(c.min_shares) > 1),
        }
        return {name: count for name, count in varied.items() if count}

    def scores(self, unit: np.ndarray, *, threads: int | None = None) -> np.ndarray:
        """Compute the scores of variants.

        Parameters
        ----------
        unit : numpy.ndarray, shape (V, k)
            Numbers from 0 to below 1, in the order of :meth:`factors`: each picks a draw, a weight or an option. The
            weights are taken by the names of the indicators in alphabetical order.
        threads : int, optional
            As many as there are cores by default. The result does not depend on it.

        Returns
        -------
        numpy.ndarray, shape (V, n)
            NaN where the variant's missing-value rule leaves an area without a score. Rounded to 9 decimals, so that
            areas with equal values stay equal.
        """
        plan = self._plan(unit)
        out = np.full((len(unit), len(self.areas)), np.nan)
        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            for _ in pool.map(partial(self._fill, out, plan), list(self._pieces(plan))):
                pass
        return out

    def index_itself(self) -> np.ndarray:
        """Return the score without any variation, of the mean of the draws, shape (n,)."""
        mean = Variants(self.draws.mean(axis=0, keepdims=True), self.areas, self.indicators, self.choices)
        middle = np.full((1, sum(mean.factors().values())), 0.0)
        if "weights" in mean.factors():
            middle[:, : len(self.indicators)] = 0.5
        return mean.scores(middle, threads=1)[0]

    def _plan(self, unit: np.ndarray) -> dict[str, np.ndarray]:
        """Translate unit numbers into draws, weights and options."""
        factors = self.factors()
        if unit.ndim != 2 or unit.shape[1] != sum(factors.values()):
            raise SpatialError(f"expected variants × {sum(factors.values())} numbers, found {unit.shape}", where=_WHERE)
        if unit.size and not ((unit >= 0) & (unit <= 1)).all():
            raise SpatialError("expected numbers from 0 to 1", where=_WHERE)
        ends = np.cumsum(list(factors.values()))
        part = {name: unit[:, end - count : end] for (name, count), end in zip(factors.items(), ends, strict=True)}
        c, size = self.choices, {}
        size["values"], size["normalisation"] = len(self.draws), len(c.normalisations)
        size["aggregation"], size["missing"] = len(c.aggregations), len(c.min_shares)
        plan = {
            name: np.minimum((part[name][:, 0] * count).astype(np.intp), count - 1)
            if name in part
            else np.zeros(len(unit), dtype=np.intp)
            for name, count in size.items()
        }
        base = checked_weights(c.weights, pd.Index(self.indicators)).to_numpy()
        w = np.broadcast_to(base, (len(unit), len(base)))
        if "weights" in part:
            # By name, so that the order of the columns does not change which number meets which indicator.
            place = np.argsort(np.argsort(np.array(self.indicators)))
            w = base * (1.0 + c.weight_spread * (2.0 * part["weights"][:, place] - 1.0))
        plan["weights"] = w / w.sum(axis=1, keepdims=True)
        return plan

    def _pieces(self, plan: dict[str, np.ndarray]) -> Iterator[tuple[int, int, np.ndarray]]:
        """Group variants by normalisation and aggregation, and by draw inside them."""
        for kind in range(len(self.choices.normalisations)):
            for way in range(len(self.choices.aggregations)):
                chosen = np.flatnonzero((plan["normalisation"] == kind) & (plan["aggregation"] == way))
                chosen = chosen[np.argsort(plan["values"][chosen], kind="stable")]
                for start in range(0, len(chosen), _CHUNK):
                    yield kind, way, chosen[start : start + _CHUNK]

    def _fill(self, out: np.ndarray, plan: dict[str, np.ndarray], piece: tuple[int, int, np.ndarray]) -> None:
        """Compute the variants of one piece into their rows."""
        kind, way, rows = piece
        used, local = np.unique(plan["values"][rows], return_inverse=True)
        x = np.ascontiguousarray(self.draws[used].transpose(0, 2, 1))  # draws × indicators × areas
        known = ~np.isnan(x[0])
        whole = bool(known.all())
        x = _normalised(x, known, self.choices.normalisations[kind], self.choices.ddof)
        how = self.choices.aggregations[way]
        if how in ("geometric", "harmonic"):
            if not (x[:, known] > 0).all():
                raise SpatialError(
                    f"a value lies more than ten standard deviations below the mean: no {how} mean", where=_WHERE
                )
            x = np.log(x) if how == "geometric" else 1.0 / x
        w = plan["weights"][rows]
        x = x[local] if len(used) < len(rows) else x
        if how == "minimum":
            score = np.where(known, x, np.inf).min(axis=1)
        else:
            score = np.matmul(w[:, None, :], x if whole else np.where(known, x, 0.0))[:, 0, :]
        if not whole:
            share = w @ known
            if how != "minimum":
                score = np.divide(score, share, out=np.full_like(score, np.nan), where=share > 0)
            least = np.array(self.choices.min_shares)[plan["missing"][rows]][:, None]
            score = np.where((share >= least - 1e-12) & known.any(axis=0), score, np.nan)
        if how == "geometric":
            score = np.exp(score)
        elif how == "harmonic":
            score = 1.0 / score
        out[rows] = np.round(score, 9)


def _normalised(x: np.ndarray, known: np.ndarray, scale: str, ddof: int) -> np.ndarray:
    """Normalise draws × indicators × areas among the areas of each draw."""
    whole = bool(known.all())
    if scale == "percentile":
        return 1.0 + 99.0 * _percentiles(x, known)
    if scale == "min-max":
        low = (x if whole else np.where(known, x, np.inf)).min(axis=2, keepdims=True)
        high = (x if whole else np.where(known, x, -np.inf)).max(axis=2, keepdims=True)
        return 1.0 + 99.0 * ((x - low) / (high - low))
    where = np.True_ if whole else np.broadcast_to(known, x.shape)
    mean = x.mean(axis=2, keepdims=True, where=where)
    centred = x - mean
    count = known.sum(axis=1)[None, :, None]
    square = np.einsum("dmn,dmn->dm", *(2 * [centred if whole else np.where(known, centred, 0.0)]))[:, :, None]
    return 100.0 + 10.0 * (centred / np.sqrt(square / (count - ddof)))


def _percentiles(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Mid-distribution shares (mean rank − ½)/n along the last axis; missing values stay NaN."""
    order = np.argsort(x, axis=2)
    ordered = np.take_along_axis(x, order, axis=2)
    if (ordered[..., 1:] == ordered[..., :-1]).any():
        rank = rankdata(x, method="average", axis=2, nan_policy="omit")
    else:
        rank = np.empty_like(x)
        np.put_along_axis(rank, order, np.arange(1.0, x.shape[2] + 1), axis=2)
        rank = rank if known.all() else np.where(known, rank, np.nan)
    return (rank - 0.5) / known.sum(axis=1)[None, :, None]

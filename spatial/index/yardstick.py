"""The yardstick of an index: normalisation, aggregation and classes, learned on a reference and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self

import numpy as np
import pandas as pd

from geodata.errors import ColumnError, SpatialError, UntestableError, some
from spatial.index.aggregate import Aggregate, Aggregation, aggregate
from spatial.index.classes import Rule, class_cuts, classify
from spatial.index.composite import reasons
from spatial.index.normalise import Method, Normaliser, in_order
from spatial.index.presets import MSS
from spatial.index.standardise import checked_weights
from spatial.results import IndexResult

_WHERE = "index"
#: Decimals of what is compared: a score that is a cut must not fall to either side by its last bit.
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an index is made; the defaults are Berlin's.

    Attributes
    ----------
    weights : mapping of str to float, optional
        Weight of each indicator, equal by default.
    normalisation : {"z", "min-max", "rank", "percentile", "goalposts"}
    ddof : {0, 1}
        Of the standard deviations, of indicators and of the aggregate.
    goalposts : mapping of str to (low, high)
        Ends of each indicator, turned as the values are.
    aggregation : {"arithmetic", "geometric", "harmonic", "minimum"}
    min_share : float
        Share of the weight that must be known; below 1 an index may be partial, and says so.
    rule, at, classes, quantile_type : as for :func:`spatial.index.classes.class_cuts`
        Found on the scores of the reference.
    labels : tuple of str
        Classes from the least to the most disadvantage.
    preset : str
        Name kept with the result.
    """

    weights: Mapping[str, float] | None = None
    normalisation: Method = "z"
    ddof: int = MSS.ddof
    goalposts: Mapping[str, tuple[float, float]] = field(default_factory=lambda: MappingProxyType({}))
    aggregation: Aggregation = "arithmetic"
    min_share: float = 1.0
    rule: Rule = "fixed"
    at: tuple[float, ...] = MSS.cuts
    classes: int = len(MSS.labels)
    quantile_type: int = 7
    labels: tuple[str, ...] = MSS.labels
    preset: str = MSS.id


class Yardstick:
    """Scores that mean the same wherever and whenever they are taken.

    The score is the aggregate of the normalised indicators, in standard deviations of the aggregates of the reference:
    0 is the reference's mean, above 0 more disadvantage. With the defaults and the areas themselves as reference it is
    :func:`spatial.index.composite.status_index`.

    Parameters
    ----------
    recipe : Recipe
    min_areas : int, default 10
        Fewest areas of a reference.

    Attributes
    ----------
    scale_ : Normaliser
    mean_, sd_ : float
        Of the aggregates of the reference.
    cuts_ : tuple of float
    areas_ : int
        Areas of the reference with a score.

    Examples
    --------
    >>> areas = [f"a{i}" for i in range(11)]
    >>> values = pd.DataFrame({"unemployed": range(11), "poor": range(11)}, index=areas)
    >>> Yardstick(Recipe()).fit(values).score(values).table.loc["a10", "status_class"]
    'sehr niedrig'
    """

    def __init__(self, recipe: Recipe, *, min_areas: int = MSS.min_areas) -> None:
        self.recipe = recipe
        self.min_areas = min_areas

    def fit(self, values: pd.DataFrame) -> Self:
        """Learn the scale on a reference.

        Parameters
        ----------
        values : pandas.DataFrame, shape (n, m)
            Areas of the reference, high = more disadvantage. Each indicator is normalised on the areas that have it;
            the mean and spread of the aggregate are those of areas that get a score.

        Returns
        -------
        Yardstick
            Itself.

        Raises
        ------
        UntestableError
            Fewer than `min_areas` areas get a score.
        SozialmonitorError
            An indicator or the aggregate is the same everywhere, or parameters do not fit.
        """
        recipe = self.recipe
        checked_weights(recipe.weights, values.columns)
        few = int((values.notna().to_numpy() @ self._shares(values.columns) >= recipe.min_share - 1e-12).sum())
        if few < self.min_areas:
            raise UntestableError(
                f"expected at least {self.min_areas} areas with the indicators of the index, found {few} of "
                f"{len(values)}",
                where=_WHERE,
                hint="take a wider reference frame (the Land), a level with more areas, or leave out the indicator "
                "that is missing most often",
            )
        self.scale_ = Normaliser(
            recipe.normalisation, ddof=recipe.ddof, goalposts=recipe.goalposts, scale=_scale(recipe)
        ).fit(values)
        self._base = {str(k): float(v) for k, v in in_order(self.scale_.transform(values)).mean().items()}
        found = self._aggregate(values).score
        known = found.dropna().sort_values()
        self.areas_ = len(known)
        self.mean_, self.sd_ = float(known.mean()), float(known.std(ddof=recipe.ddof))
        if not self.sd_ > 1e-12 * max(1.0, abs(self.mean_)):
            raise SpatialError(
                "expected scores that differ between areas, found the same everywhere",
                where=_WHERE,
                hint="check the polarity of the indicators: high must mean more disadvantage",
            )
        cuts = class_cuts(
            self.parts(values)[0].round(_DIGITS),
            recipe.rule,
            classes=recipe.classes,
            at=recipe.at,
            ddof=recipe.ddof,
            quantile_type=recipe.quantile_type,
        )
        self.cuts_ = tuple(round(cut, _DIGITS) for cut in cuts)
        return self

    def parts(self, values: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame, pd.Series]:
        """Return scores, contributions that add up to them, and whether a score stands on some indicators only.

        Parameters
        ----------
        values : pandas.DataFrame, shape (n, m)
            The indicators of the reference, turned like them.

        Returns
        -------
        score : pandas.Series, shape (n,)
        contributions : pandas.DataFrame, shape (n, m)
            What is counted from is shared out evenly among the indicators that an area has.
        partial : pandas.Series of bool, shape (n,)
        """
        found = self._aggregate(values)
        names = list(found.contributions.columns)
        known = values[names].notna()
        rest = (found.base - self.mean_) / known.sum(axis=1).where(known.any(axis=1))
        contributions = (found.contributions.add(rest, axis=0).where(known, 0.0)) / self.sd_
        contributions = contributions.where(found.score.notna(), axis=0)
        return contributions.sum(axis=1, min_count=1), contributions, found.partial

    def score(
        self,
        values: pd.DataFrame,
        *,
        population: pd.Series | None = None,
        floor: float = 0,
        exclude: Mapping[str, str] = MappingProxyType({}),
        reference_name: str = "",
    ) -> IndexResult:
        """Score areas.

        Parameters
        ----------
        values : pandas.DataFrame, shape (n, m)
        population, floor, exclude : as for :func:`spatial.index.composite.status_index`
        reference_name : str

        Returns
        -------
        IndexResult
            With ``partial`` (bool) and ``share`` (of the weight that is known) beside the columns of the status index.

        Raises
        ------
        AreaKeyError, ColumnError, SpatialError
            As :func:`spatial.index.composite.status_index`.
        """
        names = list(self.scale_.indicators_)
        if unknown := [str(name) for name in values.columns if name not in names]:
            raise ColumnError(f"the yardstick does not know the indicators {some(unknown)}", where=_WHERE)
        table = values[names].astype(np.float64)
        left = reasons(table, population, floor, exclude, self.enough(table))
        valid = left == ""
        score, contributions, partial = self.parts(table.where(valid, axis=0))
        result = pd.DataFrame({"score": score}, index=table.index)
        result["rank"] = score.round(12).rank(ascending=False, method="min").astype("Int64")
        result["status_class"] = classify(score.round(_DIGITS), self.cuts_, self.recipe.labels)
        result["excluded"] = left
        result["partial"] = partial & valid
        result["share"] = pd.Series(table.notna().to_numpy() @ self._shares(table.columns), table.index).where(valid)
        z = self.scale_.transform(table).where(valid, axis=0)
        result = pd.concat([result, z.add_prefix("z_"), contributions.add_prefix("contribution_")], axis=1)
        weights = checked_weights(self.recipe.weights, pd.Index(names))
        learned = self.recipe.normalisation == "z"
        return IndexResult(
            table=result.rename_axis(index="area_id"),
            preset=self.recipe.preset,
            indicators=tuple(names),
            means=MappingProxyType(_numbers(self.scale_.location_) if learned else {}),
            sds=MappingProxyType(_numbers(self.scale_.spread_) if learned else {}),
            sum_mean=self.mean_ * float(weights.sum()),
            sum_sd=self.sd_ * float(weights.sum()),
            reference=reference_name or "self",
            parameters=MappingProxyType(
                {
                    "weights": MappingProxyType(_numbers(weights)),
                    "ddof": self.recipe.ddof,
                    "floor": floor if population is not None else None,
                    "cuts": self.cuts_,
                    "labels": self.recipe.labels,
                    "areas": int(valid.sum()),
                    "reference_areas": self.areas_,
                }
            ),
        )

    def enough(self, values: pd.DataFrame) -> pd.Series:
        """Tell which areas have indicators of enough weight for a score."""
        share = values.notna().to_numpy() @ self._shares(values.columns)
        return pd.Series(share >= self.recipe.min_share - 1e-12, values.index) & values.notna().any(axis=1)

    def _shares(self, columns: pd.Index) -> np.ndarray:
        weights = checked_weights(self.recipe.weights, columns)
        return (weights / weights.sum()).to_numpy()

    def _aggregate(self, values: pd.DataFrame) -> Aggregate:
        recipe = self.recipe
        return aggregate(
            self.scale_.transform(values),
            recipe.aggregation,
            weights=recipe.weights,
            min_share=recipe.min_share,
            base=self._base,
        )


def _scale(recipe: Recipe) -> tuple[float, float]:
    """Return offset and factor of the scale: means of logs and reciprocals need values above 0."""
    if recipe.aggregation not in ("geometric", "harmonic") or recipe.normalisation == "rank":
        return 0.0, 1.0
    return (100.0, 10.0) if recipe.normalisation == "z" else (1.0, 99.0)


def _numbers(values: pd.Series) -> dict[str, float]:
    return {str(k): float(v) for k, v in values.items()}

"""Do the indicators of an index belong together? Correlations, reliability, loadings, leaving one out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from geodata.errors import SpatialError
from spatial.index.classes import class_cuts, classify
from spatial.index.presets import MSS
from spatial.index.standardise import Standardiser

_WHERE = "checks of the index"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What speaks for and against an index of these indicators.

    Attributes
    ----------
    correlations, rank_correlations : pandas.DataFrame, shape (m, m)
        Pearson and Spearman, of the indicators turned so that high means more disadvantage.
    indicators : pandas.DataFrame, shape (m, …)
        Indexed by indicator: ``with_rest`` (correlation with the weighted sum of the others), ``pulls_against`` (bool:
        ``with_rest`` is below 0, so the indicator takes away from the score what the others give), ``alpha_without``
        (Cronbach's alpha of the others; NaN for fewer than two), ``share`` (covariance with the score over its
        variance; adds up to 1: what the indicator really weighs), and what happens when it is left out:
        ``rank_correlation`` (Spearman, between the index with and without it), ``mean_shift`` and ``largest_shift`` (of
        ranks), ``classes_changed`` (areas of another class).
    alpha : float
        Cronbach's alpha of the weighted z-scores; NaN for one indicator.
    loadings : pandas.DataFrame, shape (m, m)
        Correlations of the indicators with the principal components of their correlation matrix; each component is
        turned so that its loadings add up to at least 0.
    explained : pandas.Series, shape (m,)
        Share of the variance of each component.
    areas : int
        Areas with all indicators, on which everything stands.
    """

    correlations: pd.DataFrame
    rank_correlations: pd.DataFrame
    indicators: pd.DataFrame
    alpha: float
    loadings: pd.DataFrame
    explained: pd.Series
    areas: int


def check_index(
    values: pd.DataFrame,
    *,
    weights: Mapping[str, float] | None = None,
    ddof: int = MSS.ddof,
    at: Sequence[float] = MSS.cuts,
    labels: Sequence[str] = MSS.labels,
) -> CheckResult:
    """Check the indicators of an index of standardised z-scores.

    Parameters
    ----------
    values : pandas.DataFrame, shape (n, m)
        Indexed by ``area_id``, turned so that high means more disadvantage; areas with a missing value are left out.
    weights : mapping of str to float, optional
    ddof : {0, 1}
    at, labels : sequence
        Classes of the index, cuts in standard deviations.

    Returns
    -------
    CheckResult

    Raises
    ------
    ColumnError, SpatialError
        Fewer than three complete areas, constant indicators, or weights that do not fit.

    Notes
    -----
    Cronbach (1951), *Psychometrika* 16, 297–334: α = m/(m − 1) · (1 − Σ var(w z)/var(Σ w z)), with equal weights the
    standardised alpha. A high alpha says that indicators say the same, not that they say the right thing; an index of
    different sides of disadvantage may have a low one. Shares of variance after OECD & JRC (2008), *Handbook on
    Constructing Composite Indicators*, and Paruolo, Saisana and Saltelli (2013), *JRSS A* 176, 609–634.
    """
    complete = values.astype(np.float64).dropna()
    if len(complete) < 3:
        raise SpatialError(f"expected at least three complete areas, found {len(complete)}", where=_WHERE)
    fitted = Standardiser(weights, ddof=ddof).fit(complete)
    terms = fitted.transform(complete) * fitted.weights_
    names = list(terms.columns)
    total = terms.sum(axis=1)
    score = fitted.score(fitted.transform(complete))
    rank, member = _ranks_and_classes(score, at, labels, ddof)
    rows = {}
    for name in names:
        rest = terms.drop(columns=name)
        row: dict[str, float | bool] = dict.fromkeys(
            ("with_rest", "alpha_without", "rank_correlation", "mean_shift", "largest_shift", "classes_changed"), np.nan
        )
        if len(names) > 1 and rest.sum(axis=1).std() > 1e-12:
            other = rest.sum(axis=1)
            row["with_rest"] = float(np.corrcoef(terms[name], other)[0, 1])
            row["alpha_without"] = _alpha(rest)
            other_rank, other_member = _ranks_and_classes(other, at, labels, ddof)
            row["rank_correlation"] = float(np.corrcoef(score.rank(), other.round(12).rank())[0, 1])
            shift = (rank - other_rank).abs()
            row["mean_shift"], row["largest_shift"] = float(shift.mean()), float(shift.max())
            row["classes_changed"] = float((member != other_member).sum())
        row["pulls_against"] = bool(row["with_rest"] < 0)
        row["share"] = float(np.cov(terms[name], total)[0, 1] / total.var())
        rows[name] = row
    order = ["with_rest", "pulls_against", "alpha_without", "share"]
    order += ["rank_correlation", "mean_shift", "largest_shift", "classes_changed"]
    table = pd.DataFrame.from_dict(rows, orient="index")[order].rename_axis(index="indicator")
    table["pulls_against"] = table["pulls_against"].astype(bool)
    table["classes_changed"] = table["classes_changed"].astype("Int64")
    r = complete.corr()
    eigenvalues, vectors = np.linalg.eigh(r.to_numpy())
    eigenvalues, vectors = np.clip(eigenvalues[::-1], 0.0, None), vectors[:, ::-1]
    loadings = vectors * np.sqrt(eigenvalues)
    loadings = loadings * np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    components = [f"PC{k}" for k in range(1, len(names) + 1)]
    return CheckResult(
        correlations=r,
        rank_correlations=complete.corr(method="spearman"),
        indicators=table,
        alpha=_alpha(terms),
        loadings=pd.DataFrame(loadings, r.index, components),
        explained=pd.Series(eigenvalues / len(names), components),
        areas=len(complete),
    )


def _alpha(terms: pd.DataFrame) -> float:
    """Return Cronbach's alpha of weighted z-scores; the choice of ddof cancels."""
    m, variance = terms.shape[1], float(terms.sum(axis=1).var())
    if m < 2 or not variance > 0:
        return float("nan")
    return float(m / (m - 1) * (1.0 - terms.var().sum() / variance))


def _ranks_and_classes(
    score: pd.Series, at: Sequence[float], labels: Sequence[str], ddof: int
) -> tuple[pd.Series, pd.Series]:
    rank = score.round(12).rank(ascending=False, method="min")
    return rank, classify(score, class_cuts(score, "sd", at=at, ddof=ddof), labels)

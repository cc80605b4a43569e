"""From attributes whose parts are known to the concentration of a variable of which only the sources are known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from geodata.errors import SpatialError
from spatial.disaggregation.concentration import BLEND, MAX_PAIRS, MIN_MEAN, POWERS, RANGES, SAME, Alpha, Parts, pattern

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: What is seen at the sources is never taken for change alone; at least this share of 1/α is structure.
LEAST_STRUCTURE = 0.1


@dataclass(frozen=True, slots=True)
class Law:
    """How α at the targets follows from α above the sources and from the pattern at the sources.

    A Gaussian process: log α_fine = b₀ + b₁ log α_coarse + g + e. The covariance of g between two cases is an even
    power of the correlation of their patterns, times a squared exponential in the difference of log α_coarse:
    attributes that live where the variable lives, and are met as well by their weights, tell more about it.

    Attributes
    ----------
    parts : Parts
    design : numpy.ndarray
        1 and log α_coarse of the cases, shape (n, 2); of one column where there are too few sources for a second.
    patterns : numpy.ndarray
        Patterns of the cases at the sources, shape (n, S).
    response : numpy.ndarray
        log α_fine, shape (n,).
    power : int
    reach : float
        Range of the squared exponential.
    variance : tuple of float
        Of g and of e.
    attributes : int
        Number of attributes learned from.
    inflation : float
        By how much standard deviations are widened so that the errors of attributes that were left out have the size
        they are said to have; at least 1.
    """

    parts: Parts
    design: Floats
    patterns: Floats
    response: Floats
    power: int
    reach: float
    variance: tuple[float, float]
    attributes: int
    inflation: float = 1.0

    def predict(self, count: Floats, *, mass: Floats | None = None, changed: float = 0.0) -> Alpha:
        """Return the α of a variable known at the sources only.

        Parameters
        ----------
        count : numpy.ndarray
            The variable at the sources, shape (S,).
        mass : numpy.ndarray, optional
            Masses of the sources that did not learn from ``count`` itself, shape (S,); default: those of the parts.
            Weights fitted to the variable hit its sources too well, and α would come out too high.
        changed : float
            1/α of a change at the sources that is accounted for elsewhere (:func:`predict_alpha`).

        Returns
        -------
        Alpha
            Mean and standard deviation of the prediction, that of the coefficients included.
        """
        m = self.parts.at_sources(self.parts.mass) if mass is None else mass
        x = np.ones(self.design.shape[1])
        if len(x) > 1:
            seen = np.exp(-self.parts.coarse(m, count).log_mean)
            x[1] = -np.log(max(seen - changed, LEAST_STRUCTURE * seen))
        mean, sd = self._condition(x, pattern(m, count), np.ones(len(self.response), dtype=bool))
        return Alpha(mean, sd * self.inflation, len(self.parts.parent), self.attributes)

    def _condition(self, x: Floats, own: Floats, used: NDArray[np.bool_]) -> tuple[float, float]:
        """Return mean and standard deviation of log α_fine, given some of the cases."""
        design, patterns, response = self.design[used], self.patterns[used], self.response[used]
        g, e = self.variance
        alike = _similarity(design, patterns, design, patterns, self.power, self.reach)
        near = g * _similarity(design, patterns, x[None, :], own[None, :], self.power, self.reach)[:, 0]
        inverse = np.linalg.inv(g * alike + e * np.eye(len(response)))
        information = np.linalg.inv(design.T @ inverse @ design)
        b = information @ (design.T @ (inverse @ response))
        lever = x - design.T @ inverse @ near
        variance = g + e - near @ inverse @ near + lever @ information @ lever
        return float(x @ b + near @ inverse @ (response - design @ b)), float(np.sqrt(variance))

    def leave_one_out(self, involved: NDArray[np.int64]) -> Floats:
        """Return standardised errors for every attribute with the weights in use, all its cases left out.

        Parameters
        ----------
        involved : numpy.ndarray of int
            Attributes that serve as weights and as count of each case, shape (n, 2); −1 for the weights in use.

        Returns
        -------
        numpy.ndarray
            (observed − predicted) / sd, one per case with the weights in use.
        """
        errors = []
        for case in np.flatnonzero(involved[:, 0] < 0):
            used = ~(involved == involved[case, 1]).any(axis=1)
            mean, sd = self._condition(self.design[case], self.patterns[case], used)
            errors.append((self.response[case] - mean) / sd)
        return np.array(errors)


def learn_law(parts: Parts, attributes: Floats, *, min_mean: float = MIN_MEAN, max_pairs: int = MAX_PAIRS) -> Law:
    """Learn how α changes with the step, from attributes whose parts are known.

    Each attribute is summed to the sources and handed down again, once with the masses in use and, so that the law
    knows good and bad weights alike, with other attributes as masses; α is fitted at both steps of every such case.

    Parameters
    ----------
    parts : Parts
        Parts of the sources and the step that α is wanted for.
    attributes : numpy.ndarray
        Counts of attributes in the parts, at least 0, shape (K, J). Attributes that count the same kind of thing as
        the variable: persons and households for persons, not the age of buildings.
    min_mean : float
        Attributes with fewer cases per part at the finer level are left out.
    max_pairs : int
        Pairs of attributes beyond are thinned evenly.

    Returns
    -------
    Law

    Raises
    ------
    SpatialError
        Fewer than four attributes remain.

    Notes
    -----
    No constant of the law is fitted to a variable it is used for: coefficients and variances are the restricted
    maximum-likelihood estimates over the attributes (Rasmussen & Williams 2006, section 2.7). The variance of e is at
    least what the standard errors of the fitted α account for.
    """
    kept = _usable(parts, attributes, min_mean)
    j = kept.shape[1]
    if j < 4:
        raise SpatialError(
            f"expected at least 4 attributes with {min_mean:.0f} cases per part, found {j} of {attributes.shape[1]}",
            where="attributes with known parts",
            hint="add attributes, or sum them to larger targets",
        )
    # With one source, or with two, nothing can be fitted above them.
    has_coarse = len(parts.parent) > 2 and len(np.unique(parts.parent)) < len(parts.parent)
    rows: list[tuple[float, float, float, Floats]] = []
    involved: list[tuple[int, int]] = []
    pairs = [(a, b) for a in range(j) for b in range(j) if a != b]
    pairs = [pairs[i] for i in np.unique(np.linspace(0, len(pairs) - 1, min(max_pairs, len(pairs))).astype(int))]
    base = parts.mass / parts.mass.sum()
    for weight, attribute in [(-1, b) for b in range(j)] + pairs:
        count = kept[:, attribute]
        mass = base if weight < 0 else kept[:, weight] / kept[:, weight].sum() + BLEND * base
        m, y = parts.at_sources(mass), parts.at_sources(count)
        fine = parts.fine(mass, count)
        if fine.log_mean > SAME:
            continue
        coarse = parts.coarse(m, y) if has_coarse else Alpha(0.0)
        involved.append((weight, attribute))
        rows.append((coarse.log_mean, fine.log_mean, fine.log_sd**2 + (coarse.log_sd / 2) ** 2, pattern(m, y)))
    response = np.array([r[1] for r in rows])
    design = np.column_stack([np.ones(len(rows)), [r[0] for r in rows]])[:, : 2 if has_coarse else 1]
    patterns = np.array([r[3] for r in rows])
    floor = float(np.mean([r[2] for r in rows]))
    fits = []
    for power in POWERS:
        for reach in RANGES if has_coarse else RANGES[-1:]:
            similar = _similarity(design, patterns, design, patterns, power, reach)
            fits.append((*_restricted_likelihood(design, similar, response, floor), power, reach))
    _, variance, power, reach = min(fits, key=lambda fit: fit[0])
    law = Law(parts, design, patterns, response, power, reach, variance, j)
    errors = law.leave_one_out(np.array(involved))
    return replace(law, inflation=max(1.0, float(np.sqrt(np.mean(errors**2)))) if len(errors) else 1.0)


def _similarity(
    design: Floats, patterns: Floats, other_design: Floats, other_patterns: Floats, power: int, reach: float
) -> Floats:
    """Return the correlation of g between cases, shape (n, m)."""
    alike = (patterns @ other_patterns.T) ** power
    if design.shape[1] == 1 or np.isinf(reach):
        return alike
    apart = (design[:, 1][:, None] - other_design[:, 1][None, :]) / reach
    return np.asarray(alike * np.exp(-(apart**2) / 2), dtype=np.float64)


def _usable(parts: Parts, attributes: Floats, min_mean: float) -> Floats:
    """Drop attributes that are rare or repeated, and put the rest into an order of their own."""
    zones = len(np.unique(parts.lower))
    if (attributes < 0).any() or not np.isfinite(attributes).all():
        raise SpatialError(
            "expected counts of at least 0, found negative, infinite or missing ones",
            where="attributes with known parts",
            hint="a cell without a value counts as 0",
        )
    common = attributes[:, attributes.sum(axis=0) >= min_mean * zones]
    totals = [(float(c.sum()), *np.sort(np.bincount(parts.source, c)).round(6).tolist()) for c in common.T]
    order = sorted(range(len(totals)), key=totals.__getitem__)
    chosen = [o for n, o in enumerate(order) if n == 0 or totals[o] != totals[order[n - 1]]]
    return common[:, chosen]


def _restricted_likelihood(x: Floats, similar: Floats, y: Floats, floor: float) -> tuple[float, tuple[float, float]]:
    """Return the negative restricted log-likelihood at its minimum, and the variances of g and e there."""
    from scipy.optimize import minimize

    # In the basis of its eigenvectors the covariance is diagonal, whatever the variances.
    eigenvalues, basis = np.linalg.eigh(similar)
    eigenvalues, x, y = np.maximum(eigenvalues, 0.0), basis.T @ x, basis.T @ y

    def loss(logs: Any) -> float:
        variance = np.exp(logs[0]) * eigenvalues + floor + np.exp(logs[1])
        weighted = x / variance[:, None]
        information = x.T @ weighted
        e = y - x @ np.linalg.solve(information, weighted.T @ y)
        return float(0.5 * (e @ (e / variance) + np.log(variance).sum() + np.linalg.slogdet(information)[1]))

    best = minimize(loss, np.log([0.2, 0.05]), method="Nelder-Mead", options={"xatol": 0.01, "fatol": 0.001})
    return float(best.fun), (float(np.exp(best.x[0])), float(floor + np.exp(best.x[1])))


def change_alpha(parts: Parts, before: Floats, now: Floats, law: Law) -> Alpha:
    """Return the α of what changed since the year of the ancillary data.

    Attributes of the ancillary's own year know nothing of later building and moving. A count known at the sources in
    both years shows how much changed there, but not how rough the change is inside them.

    Parameters
    ----------
    parts : Parts
        The step that α is wanted for.
    before, now : numpy.ndarray
        One count at the sources, shape (S,), in the ancillary's year and in the data's: the inhabitants, say.
    law : Law
        Learned for the same parts.

    Returns
    -------
    Alpha
        Halfway, on the log scale, between the two extremes: a change independent from part to part, whose
        concentration splits in proportion to the number of zones (the gamma variates behind a Dirichlet add up), and
        one as smooth as the attributes' patterns. ``log_sd`` covers the range as a uniform distribution, and the
        error of the α fitted at the sources.
    """
    coarse = parts.coarse(before, now)
    zones = len(np.unique(parts.upper))
    rough = coarse.log_mean + np.log(len(np.unique(parts.parent)) / zones)
    smooth = law.predict(now, mass=before)
    low, high = min(rough, smooth.log_mean), max(rough, smooth.log_mean)
    spread = (high - low) ** 2 / 12 + coarse.log_sd**2 / 4 + smooth.log_sd**2 / 4
    return Alpha((low + high) / 2, float(np.sqrt(spread)), smooth.sources, smooth.attributes)


def predict_alpha(
    law: Law, count: Floats, *, mass: Floats | None = None, before: Floats | None = None, now: Floats | None = None
) -> Alpha:
    """Return the α of a variable known at the sources only, what changed since the ancillary's year included.

    Parameters
    ----------
    law : Law
    count : numpy.ndarray
        The variable at the sources, shape (S,).
    mass : numpy.ndarray, optional
        See :meth:`Law.predict`.
    before, now : numpy.ndarray, optional
        One count at the sources in the ancillary's year and in the data's, see :func:`change_alpha`. Without them the
        years are taken for the same.

    Returns
    -------
    Alpha
        From 1/α = 1/α_structure + 1/α_change: independent relative variances add up. The same split is made above the
        sources, so that a change seen there is not carried over twice.
    """
    if before is None or now is None:
        return law.predict(count, mass=mass)
    parts = law.parts
    change = change_alpha(parts, before, now, law)
    seen = float(np.exp(-parts.coarse(before, now).log_mean))
    structure = law.predict(count, mass=mass, changed=seen)
    a, wa = structure.nodes()
    b, wb = change.nodes()
    logs, weights = -np.log(1 / a[:, None] + 1 / b[None, :]), wa[:, None] * wb[None, :]
    mean = float((weights * logs).sum())
    sd = float(np.sqrt((weights * (logs - mean) ** 2).sum()))
    return Alpha(mean, sd, structure.sources, structure.attributes)

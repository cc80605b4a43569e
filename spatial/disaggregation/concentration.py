"""The concentration α of a Dirichlet-multinomial: fitted where the parts are known, carried over where they are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geodata.errors import SpatialError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

#: Bounds of a fitted log α: below, one part takes nearly all; above, only multinomial noise is left.
LOG_BOUNDS = (np.log(0.1), np.log(1e8))
#: Attributes with fewer cases per part say more about the rounding of small cells than about the parts.
MIN_MEAN = 50.0
#: Attributes also serve as weights for each other; this share of the weights in use stays in each, against empty parts.
BLEND = 0.05
#: How many pairs of attributes the law learns from beside the weights in use.
MAX_PAIRS = 200
#: Fitted values beyond are not α but "the weights are the attribute itself".
SAME = np.log(1e4)
#: Powers of the correlation between patterns that are tried; even, so that the Schur product stays a covariance.
POWERS = (2, 4, 6)
#: Ranges, in units of log α above the sources, beyond which cases of like pattern tell less about each other.
RANGES = (1.0, 2.0, np.inf)


@dataclass(frozen=True, slots=True)
class Alpha:
    """What is known of log α: a normal distribution.

    Attributes
    ----------
    log_mean, log_sd : float
        Mean and standard deviation of log α; ``log_sd`` 0 is a known α.
    sources : int
        Number of sources the statement rests on.
    attributes : int
        Number of attributes it was learned from; 0 where it was fitted to known parts.
    """

    log_mean: float
    log_sd: float = 0.0
    sources: int = 0
    attributes: int = 0

    def nodes(self, n: int = 7) -> tuple[Floats, Floats]:
        """Return values of α and their weights, shape (n,), by Gauss-Hermite quadrature on the log scale."""
        if self.log_sd == 0:
            return np.exp(np.array([self.log_mean])), np.ones(1)
        z, w = np.polynomial.hermite_e.hermegauss(n)
        return np.exp(np.clip(self.log_mean + self.log_sd * z, *LOG_BOUNDS)), w / w.sum()


def log_likelihood(alpha: float, group: Codes, share: Floats, count: Floats) -> float:
    """Return the Dirichlet-multinomial log-likelihood of α, without the terms that do not depend on it.

    Parameters
    ----------
    alpha : float
        Concentration, greater than 0.
    group : numpy.ndarray of int
        The whole that each part belongs to, shape (K,).
    share : numpy.ndarray
        Expected shares p, adding up to 1 within a group, shape (K,). A part of share 0 carries no information.
    count : numpy.ndarray
        Counts of the parts, at least 0, shape (K,).

    Returns
    -------
    float

    Notes
    -----
    Σ_s [lnΓ(α) − lnΓ(α + N_s)] + Σ_k [lnΓ(α p_k + y_k) − lnΓ(α p_k)] (Mosimann 1962).
    """
    from scipy.special import gammaln

    used = share > 0
    total = np.bincount(group[used], count[used])
    a = alpha * share[used]
    return float(np.sum(gammaln(alpha) - gammaln(alpha + total)) + np.sum(gammaln(a + count[used]) - gammaln(a)))


def fit_alpha(group: Codes, share: Floats, count: Floats) -> Alpha:
    """Fit α by maximum likelihood to parts that are known.

    Parameters
    ----------
    group, share, count : numpy.ndarray
        See :func:`log_likelihood`.

    Returns
    -------
    Alpha
        ``log_sd`` is the standard error from the curvature of the likelihood.

    Raises
    ------
    SpatialError
        No group has two parts with a share and a count: there is nothing to learn from.

    Examples
    --------
    >>> import numpy as np
    >>> group, share = np.repeat(np.arange(50), 2), np.full(100, 0.5)
    >>> first = np.random.default_rng(1).binomial(1000, np.random.default_rng(2).beta(10, 10, 50))
    >>> fitted = fit_alpha(group, share, np.column_stack([first, 1000 - first]).ravel().astype(float))
    >>> bool(10 < np.exp(fitted.log_mean) < 40)
    True
    """
    from scipy.optimize import minimize_scalar

    used = share > 0
    total = np.bincount(group[used], count[used])
    parts = np.bincount(group[used])
    informative = (parts > 1) & (total > 0)
    if not informative.any():
        raise SpatialError(
            "expected a source with at least two parts and a count, found none",
            where="concentration",
            hint="give parts at a level below the sources",
        )
    keep = used & informative[np.minimum(group, len(informative) - 1)]
    codes, p, y = np.unique(group[keep], return_inverse=True)[1], share[keep], count[keep]

    def loss(log_alpha: float) -> float:
        return -log_likelihood(float(np.exp(log_alpha)), codes, p, y)

    best = minimize_scalar(loss, bounds=LOG_BOUNDS, method="bounded", options={"xatol": 1e-4})
    h = 0.05
    curvature = (loss(best.x + h) - 2 * loss(best.x) + loss(best.x - h)) / h**2
    return Alpha(float(best.x), float(1 / np.sqrt(max(curvature, 1e-2))), int(informative.sum()))


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of sources with their mass: what an α is a statement about.

    Attributes
    ----------
    source : numpy.ndarray of int
        Source of each part, shape (K,), values 0 … S − 1.
    mass : numpy.ndarray
        Ancillary mass of each part, shape (K,); within a source proportional to the shares W.
    parent : numpy.ndarray of int
        A coarser zone of each source, shape (S,); all 0 where none is known.
    upper, lower : numpy.ndarray of int
        The step that α is wanted for: from zone ``upper`` to zone ``lower`` of each part, shape (K,). By default from
        the source to the part itself.
    """

    source: Codes
    mass: Floats
    parent: Codes
    upper: Codes
    lower: Codes

    @classmethod
    def of(
        cls,
        source: Codes,
        mass: Floats,
        *,
        parent: Codes | None = None,
        upper: Codes | None = None,
        lower: Codes | None = None,
    ) -> Parts:
        """Fill in the defaults; see the attributes."""
        return cls(
            source,
            mass,
            np.zeros(int(source.max()) + 1, dtype=np.int64) if parent is None else parent,
            source if upper is None else upper,
            np.arange(len(source)) if lower is None else lower,
        )

    def fine(self, mass: Floats, count: Floats) -> Alpha:
        """Fit α at the step wanted, from counts of the parts, shape (K,)."""
        return _fit_step(self.upper, self.lower, mass, count)

    def coarse(self, mass: Floats, count: Floats) -> Alpha:
        """Fit α at the step above the sources, from masses and counts of the sources, shape (S,)."""
        return _fit_step(self.parent, np.arange(len(mass)), mass, count)

    def at_sources(self, values: Floats) -> Floats:
        """Sum values of the parts, shape (K,), over the sources: shape (S,)."""
        return np.bincount(self.source, values, len(self.parent)).astype(np.float64)


def _fit_step(upper: Codes, lower: Codes, mass: Floats, count: Floats) -> Alpha:
    """Fit α of the step from zones to sub-zones, from masses and counts of pieces of the sub-zones."""
    zones, first, inverse = np.unique(lower, return_index=True, return_inverse=True)
    m = np.bincount(inverse, mass, len(zones)).astype(np.float64)
    y = np.bincount(inverse, count, len(zones)).astype(np.float64)
    group = np.unique(upper[first], return_inverse=True)[1]
    whole = np.bincount(group, m)[group]
    return fit_alpha(group, np.divide(m, whole, out=np.zeros_like(m), where=whole > 0), y)


def pattern(mass: Floats, count: Floats) -> Floats:
    """Return where a count exceeds its mass: log ratios of the sources, weighted by mass, centred, of length 1.

    Parameters
    ----------
    mass, count : numpy.ndarray
        Of the sources, shape (S,).

    Returns
    -------
    numpy.ndarray
        Shape (S,). The product of two patterns is their weighted correlation.
    """
    weight = mass / mass.sum()
    ratio = np.log((count + 0.5) / (weight * count.sum() + 0.5))
    ratio = (ratio - weight @ ratio) * np.sqrt(weight)
    length = np.linalg.norm(ratio)
    return np.asarray(ratio / length if length > 0 else ratio, dtype=np.float64)

"""Weights graphs by name: ``queen``, ``rook``, ``fuzzy:1``, ``knn:6``, ``distance:1500``, ``kernel:2000``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from geodata.errors import SpatialError
from spatial.autocorrelation import distances
from spatial.autocorrelation.graphs import contiguity

if TYPE_CHECKING:
    import geopandas as gpd

    from spatial.autocorrelation.graphs import Kind

_WHERE = "spatial weights"

#: Name → what its number means and the number that is taken where none is given; None where there is no number.
KINDS: dict[str, tuple[str, float | None] | None] = {
    "queen": None,
    "rook": None,
    "fuzzy": ("metres by which areas are widened", 1.0),
    "knn": ("neighbours", 6.0),
    "distance": ("metres between centroids", None),
    "kernel": ("metres of bandwidth", None),
}


@dataclass(frozen=True, slots=True)
class WeightsSpec:
    """What a graph is built by.

    Attributes
    ----------
    kind : str
        One of :data:`KINDS`.
    number : float or None
        Metres or neighbours.
    """

    kind: str
    number: float | None = None

    @classmethod
    def parse(cls, text: str) -> WeightsSpec:
        """Read ``kind`` or ``kind:number``.

        Raises
        ------
        SpatialError
            Unknown kind, or a number that is missing, superfluous or makes no sense.

        Examples
        --------
        >>> WeightsSpec.parse("knn:6")
        WeightsSpec(kind='knn', number=6.0)
        """
        kind, colon, rest = text.strip().lower().partition(":")
        if kind not in KINDS:
            raise SpatialError(
                f"expected {', '.join(KINDS)}, found {text!r}", where=_WHERE, hint="for example knn:6 or distance:1500"
            )
        meaning = KINDS[kind]
        if meaning is None:
            if colon:
                raise SpatialError(f"expected {kind} without a number, found {text!r}", where=_WHERE)
            return cls(kind)
        if not colon and meaning[1] is not None:
            return cls(kind, meaning[1])
        try:
            number = float(rest)
        except ValueError:
            number = float("nan")
        whole = kind != "knn" or number == int(number) if number > 0 and number != float("inf") else False
        if not whole:
            raise SpatialError(
                f"expected {kind}:NUMBER with a number of {meaning[0]} above 0, found {text!r}",
                where=_WHERE,
                hint=f"for example {kind}:{meaning[1] or 1500:g}",
            )
        return cls(kind, number)

    def __str__(self) -> str:
        return self.kind if self.number is None else f"{self.kind}:{self.number:g}"


def build_graph(areas: gpd.GeoDataFrame, spec: WeightsSpec | str) -> Any:
    """Build the graph that a name asks for.

    Parameters
    ----------
    areas : geopandas.GeoDataFrame
        Indexed by unique ``area_id``; in a projected CRS in metres for everything but ``queen`` and ``rook``.
    spec : WeightsSpec or str
        For example ``"knn:6"``.

    Returns
    -------
    libpysal.graph.Graph
        Binary weights, for ``kernel`` triangular ones.

    Raises
    ------
    SpatialError, CrsError, AreaKeyError, GeometryError
        See :meth:`WeightsSpec.parse` and the functions that build.
    """
    asked = WeightsSpec.parse(spec) if isinstance(spec, str) else spec
    number = asked.number if asked.number is not None else 0.0
    if asked.kind == "knn":
        return distances.nearest(areas, int(number))
    if asked.kind == "distance":
        return distances.distance_band(areas, number)
    if asked.kind == "kernel":
        return distances.kernel(areas, number)
    return contiguity(areas, cast("Kind", asked.kind), buffer=number or 1.0)

"""The collections of the index: status, change against a base year, and what makes it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.workflows.composite import index_collection
from service.workflows.index_change import change_collection
from service.workflows.index_contributions import contributions_collection
from service.workflows.index_uncertainty import doubt_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from geodata.store.model import Collection
    from service.workflows.figures import Figures
    from service.workflows.read import Inputs
    from spatial.results import IndexResult


def index_collections(
    inputs: Inputs,
    figures: Figures,
    results: dict[int, IndexResult],
    tell: Callable[[str], None] = lambda _line: None,
) -> list[Collection]:
    """Build every collection of the index.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    figures : Figures
        What the edition may know.
    results : dict of int to IndexResult
        Of :func:`service.workflows.composite.compute_index`; at least one year.
    tell : callable
        Receives one line for each thing that could not be computed.

    Returns
    -------
    list of Collection
        ``{level}_index``, ``{level}_index_change`` (where two years are known) and ``{level}_index_contributions``.
    """
    doubt = doubt_of(inputs, figures, results, tell)
    found = [index_collection(inputs, results, doubt)]
    change = change_collection(inputs, figures, results, tell)
    if change is not None:
        found.append(change)
    return [*found, contributions_collection(inputs, figures, results)]

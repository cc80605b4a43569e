"""``measures.toml``: measures, as somebody wrote them down before anybody looked at their figures."""

from __future__ import annotations

import tomllib
from collections import Counter
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from geodata.county_schema import Identifier, LocalText, Section
from geodata.errors import ConfigError, some
from geodata.misfits import readable

if TYPE_CHECKING:
    from geodata.county import County

FILE = "measures.toml"
_HINT = "docs/sozialindex.md lists every key of measures.toml"


class MeasureSection(Section):
    """One measure."""

    id: Identifier
    title: LocalText
    areas: tuple[str, ...] = Field(min_length=1, description="area keys")
    start: int = Field(ge=1900, le=2200, description="first year in which it could have shown")
    indicator: Identifier = Field(description="whose figures were expected to move")
    direction: Literal["fall", "rise"]
    size: float | None = Field(default=None, gt=0, description="expected change, in the unit of the indicator")
    source: str = Field(min_length=1, description="where measure and expectation are written down")


class MeasuresFile(Section):
    """The whole of ``measures.toml``."""

    measures: tuple[MeasureSection, ...]


def load_measures(county: County) -> tuple[MeasureSection, ...]:
    """Read the measures that lie beside ``county.toml``.

    Whether the county has what they name is told by :func:`require_sense`.

    Parameters
    ----------
    county : County

    Returns
    -------
    tuple of MeasureSection
        Empty where the county has no ``measures.toml``.

    Raises
    ------
    ConfigError
        The file is no TOML, has an unknown key or a wrong type, or an id or an area twice.
    """
    path = county.folder / FILE
    if not path.is_file():
        return ()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"expected TOML in UTF-8: {error}", where=str(path), hint="mend that line") from error
    try:
        measures = MeasuresFile.model_validate(raw).measures
    except ValidationError as error:
        keys = {*MeasureSection.model_fields, *MeasuresFile.model_fields}
        raise ConfigError(readable(error, raw, keys=keys), where=str(path), hint=_HINT) from None
    twice = [name for name, n in Counter(m.id for m in measures).items() if n > 1]
    if twice:
        raise ConfigError(f"measures: expected ids once each, found twice: {some(twice)}", where=str(path), hint=_HINT)
    for m in measures:
        if len(set(m.areas)) < len(m.areas):
            raise ConfigError(f"measures.{m.id}.areas: expected areas once each", where=str(path), hint=_HINT)
    return measures


def require_sense(measures: tuple[MeasureSection, ...], county: County, areas: dict[str, set[str]]) -> None:
    """Refuse measures on indicators or in areas that the county does not have.

    Parameters
    ----------
    measures : tuple of MeasureSection
    county : County
        The whole of it: an edition may lack an indicator whose source may not be published.
    areas : dict of str to set of str
        Level → ids of the county's own areas.

    Raises
    ------
    ConfigError
        An indicator is not there or says nothing about better or worse; an area is not one of the level at which the
        indicator is observed.
    """
    from geodata.models import Polarity

    where = str(county.folder / FILE)
    for m in measures:
        found = county.indicators.get(m.indicator)
        if found is None:
            message = f"indicator: expected one of {some(county.indicators)}, found {m.indicator!r}"
        elif found.polarity is Polarity.NEUTRAL:
            message = (
                f"indicator: expected an indicator with a polarity, found {m.indicator!r}, which is neutral: no "
                "measure is judged by who lives in a place"
            )
        elif unknown := [area for area in m.areas if area not in areas[found.level]]:
            message = (
                f"areas: expected areas of the county at level {found.level!r}, where {m.indicator!r} is observed, "
                f"found {some(unknown)}"
            )
        else:
            continue
        raise ConfigError(f"measures.{m.id}.{message}", where=where, hint=_HINT)

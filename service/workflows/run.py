"""The main job: read → suppress → disaggregate → index → test → verify → publish."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geodata import catalogue
from geodata.county import County, load_county
from geodata.models import Status
from geodata.store.model import Collection, Edition
from service.cartography.hotspot_words import UNSURE
from service.progress import Steps
from service.reports.area_profile import FOLDER as FOLDER_OF_PROFILES
from service.reports.area_profile import write_profiles
from service.reports.indicator_sheet import build_sheets, write_sheets
from service.workflows.composite import compute_index
from service.workflows.evidence import evidence, lines
from service.workflows.figures import Figures
from service.workflows.handdown import Allocation, build_allocations
from service.workflows.hotspots import hotspot_collections
from service.workflows.index_layers import index_collections
from service.workflows.index_picture import draw_ranks
from service.workflows.indicators import indicator_collections
from service.workflows.kept import keep_areas, keep_hidden, remembered
from service.workflows.licensed import Withheld, publishable
from service.workflows.matrices import FOLDER, MatrixCache
from service.workflows.measures import effects_of, load_measures_of, write_measures
from service.workflows.plausible import require_plausible
from service.workflows.profiles import ProfileBook
from service.workflows.read import Inputs, read_inputs
from service.workflows.suppress import suppressed_for_public
from service.workflows.verify import verify
from service.workflows.waiting import Waiting, waiting

if TYPE_CHECKING:
    from geodata.store.publication import Draft

STEPS = 8
LIBRARIES = ("numpy", "scipy", "pandas", "shapely", "geopandas", "libpysal", "pyproj")


@dataclass(frozen=True, slots=True)
class Built:
    """One edition, computed and not yet written."""

    edition: Edition
    figures: Figures
    collections: list[Collection]
    checks: list[str]
    measures: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did.

    Attributes
    ----------
    publication : str
        Its running number.
    folder : pathlib.Path
        Where it lies.
    rows : list of dict
        One for each public collection: id, kind, areas, periods, shown, finding.
    times : list of (str, float)
        Step and seconds.
    audits : dict of str to pandas.DataFrame
        Per pair of levels: totals in and out of every source zone, latest year.
    checks : dict of str to list of str
        Edition → what the gate verified.
    withheld : tuple of Withheld
        What the public edition lacks because a source may not be published.
    waiting : tuple of Waiting
        Years that are left out because a column of theirs was not delivered.
    """

    county: str
    publication: str
    folder: Path
    rows: list[dict[str, Any]]
    times: list[tuple[str, float]]
    audits: dict[str, pd.DataFrame] = field(default_factory=dict)
    checks: dict[str, list[str]] = field(default_factory=dict)
    withheld: tuple[Withheld, ...] = ()
    waiting: tuple[Waiting, ...] = ()


def run(
    folder: Path,
    *,
    state: Path,
    data: Path | None = None,
    maps: Sequence[Edition] = ("public",),
    say: Callable[[str], None] = lambda _line: None,
) -> RunReport:
    """Compute and publish a county.

    Parameters
    ----------
    folder : pathlib.Path
        Where ``county.toml`` lies.
    state : pathlib.Path
        Where publications are kept.
    data : pathlib.Path, optional
        What relative file names start from.
    maps : sequence of {"public", "internal"}
        Editions whose maps are drawn into files; the service draws any other on request.
    say : callable
        Receives one line of progress at a time.

    Returns
    -------
    RunReport
        What was computed, and where it lies.

    Raises
    ------
    SozialmonitorError
        Something is wrong with the input or the outcome; what was published before stays published.
    """
    from geodata.store.publication import PublicationStore

    steps = Steps(STEPS, say)
    with steps.step("Read the county's files") as tell:
        county = load_county(folder, data=data)
        taken = catalogue.receipts(county)
        inputs = read_inputs(county, progress=tell)
        catalogue.require_unchanged(county, taken)
        require_plausible(inputs, tell)
        load_measures_of(inputs)  # refused before anything is computed
        waits = waiting(inputs)
        for line in (line for one in waits for line in one.lines()):
            tell(line)
        public, withheld = publishable(inputs)
    with PublicationStore(state, county.id, keep=county.publication.keep).begin() as draft:
        with steps.step("Suppress what the public edition may not know"):
            figures: dict[Edition, Figures] = {"public": suppressed_for_public(public), "internal": inputs.figures}
            views: dict[Edition, Inputs] = {"public": public, "internal": inputs}
        with steps.step("Build the transfer matrices") as tell:
            allocations = build_allocations(inputs, MatrixCache(state / county.id / FOLDER, tell))
            for line in lines(evidence(inputs, inputs.figures, "internal")):
                tell(line)
        built: list[Built] = []
        for edition in figures:
            with steps.step(f"Indicators, index and tests, {edition} edition") as tell:
                view = views[edition]
                ways = {pair: allocations[pair] for pair in view.county.allocations}
                one = build_edition(view, edition, figures[edition], ways, tell)
                if one.collections or not withheld:
                    built.append(one)
                else:  # not one source may be published: there is an internal edition only
                    tell("nothing may be published: see the licences and legal bases of the sources")
        with steps.step("Write layers and served rows"):
            for one in built:
                extra = remembered(inputs, taken, withheld, figures["public"]) if one.edition == "internal" else {}
                _write(draft, views[one.edition], one, allocations, extra)
            keep_hidden(draft.edition_dir("internal"), inputs.figures, figures["public"])
        with steps.step("Draw the maps") as tell:
            from service.workflows.maps import draw_maps

            for edition in (e for e in maps if e in {one.edition for one in built}):
                draw_maps(draft.edition_dir(edition), tell)
        with steps.step("Publish"):
            publication = draft.commit()
    return RunReport(
        county=county.id,
        publication=publication.id,
        folder=publication.path,
        rows=summarise(built[0].collections),
        times=steps.times,
        audits=_audits(inputs, allocations),
        checks={one.edition: one.checks for one in built},
        withheld=withheld,
        waiting=waits,
    )


def build_edition(
    inputs: Inputs,
    edition: Edition,
    figures: Figures,
    allocations: dict[tuple[str, str], Allocation],
    tell: Callable[[str], None] = lambda _line: None,
) -> Built:
    """Compute all collections of one edition from what it may know, and verify them.

    Parameters
    ----------
    inputs : Inputs
        What was read.
    edition : {"public", "internal"}
        Which rules apply.
    figures : Figures
        The values of that edition.
    allocations : dict
        The matrices.
    tell : callable
        Receives one line for each finding.

    Returns
    -------
    Built
        Collections that passed the gate.
    """
    public = edition == "public"
    index = compute_index(inputs, figures, tell)
    collections = indicator_collections(inputs, figures, allocations, public=public)
    section = inputs.county.index
    if index and section is not None and edition in inputs.county.levels[section.level].editions:
        collections += index_collections(inputs, figures, index, tell)
    collections += hotspot_collections(inputs, figures, allocations, index, public=public)
    checks = verify(inputs, figures, collections, public=public)
    for line in checks:
        tell(line)
    measures = effects_of(inputs, figures, edition)
    for found in measures:
        tell(f"measure {found['id']}: {found.get('finding', found['state'])}; no cause is claimed")
    return Built(edition, figures, collections, checks, measures)


def _write(
    draft: Draft,
    inputs: Inputs,
    built: Built,
    allocations: dict[tuple[str, str], Allocation],
    internal: Mapping[str, Any],
) -> None:
    from geodata.store.writer import write_edition

    folder = draft.edition_dir(built.edition)
    used = list(dict.fromkeys(c.level for c in built.collections))
    described = {**manifest(draft.id, inputs, built), **internal}
    write_edition(folder, built.collections, [inputs.levels[level] for level in used], described)
    kept = folder / "inputs"
    kept.mkdir(exist_ok=True)
    for (source, target), allocation in allocations.items():
        way = inputs.county.allocations.get((source, target))
        if way is not None and built.edition in way.editions:
            with (kept / f"weights-{source}-{target}.npz").open("wb") as stream:
                arrays: dict[str, Any] = dict(allocation.weights.to_arrays())
                np.savez_compressed(stream, **arrays)
    # Values are kept inside only: no request computes from them yet, and what no indicator uses is not judged.
    if built.edition == "internal":
        long = [
            frame.assign(variable=variable, period=period).reset_index()
            for (variable, period), frame in built.figures.frames.items()
        ]
        pd.concat(long, ignore_index=True).to_parquet(kept / "figures.parquet", index=False)
        keep_areas(folder, inputs)
        if not inputs.moves.empty:
            inputs.moves.to_parquet(kept / "moves.parquet", index=False)
    sheets = build_sheets(
        inputs.county,
        inputs.levels,
        built.collections,
        tables=inputs.tables,
        edition=built.edition,
        publication=draft.id,
        waiting=[one.as_dict() for one in waiting(inputs)],
    )
    write_sheets(folder, sheets)
    write_measures(folder, built.measures)
    book = ProfileBook(inputs, built.collections, built.measures, edition=built.edition, publication=draft.id)
    write_profiles(folder, book.profiles())
    draw_ranks(folder / FOLDER_OF_PROFILES, built.collections)


def manifest(publication: str, inputs: Inputs, built: Built) -> dict[str, Any]:
    """Describe an edition: parameters, versions, sources, what is shown; the public one confirms no guess.

    Parameters
    ----------
    publication : str
        Running number.
    inputs : Inputs
        What was read.
    built : Built
        What is written.

    Returns
    -------
    dict
        JSON-serialisable. What the internal manifest says beyond it is added by ``kept.remembered``.
    """
    county = inputs.county
    out: dict[str, Any] = {
        "publication": publication,
        "edition": built.edition,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "draft": True,
        "notice": {
            "de": "Entwurf – nicht zur Veröffentlichung: Die vollständige Geheimhaltung (Sekundärsperrung) steht aus.",
            "en": "Draft, not for release: full secondary suppression is still to come.",
        },
        "county": {"id": county.id, "key": county.key, "title": {"de": county.title.de, "en": county.title.en}},
        "crs": county.crs,
        "software": {name: version(name) for name in ("sozialmonitor", *LIBRARIES)},
        "tests": county.tests.model_dump(mode="json"),
        "rules": county.publication.model_dump(mode="json"),
        "index": _index(county, built.edition),
        "sources": {
            s.id: {
                "title": s.title,
                "publisher": s.publisher,
                "licence": s.licence,
                "attribution": s.attribution,
                "released": s.released,
                "reference_date": s.reference_date.isoformat() if s.reference_date else None,
                "legal_basis": s.legal_basis,
                "purpose": s.purpose,
                "legend": s.legend,
                "origin": str(s.origin),
            }
            for s in county.sources.values()
        },
        "totals": {c.id: c.metadata["totals"] for c in built.collections if c.metadata.get("totals")},
        "checks": built.checks,
        "weights": evidence(inputs, built.figures, built.edition),
    }
    return out


def _index(county: County, edition: Edition) -> dict[str, Any] | None:
    """Describe the index; why an area is left out may say who lives there, so only the internal edition says it."""
    if county.index is None:
        return None
    described: dict[str, Any] = county.index.model_dump(mode="json")
    if edition == "public":
        described["exclude"] = sorted(described["exclude"])
    return described


def summarise(collections: Sequence[Collection]) -> list[dict[str, Any]]:
    """Return one row a collection for the table at the end of a run.

    Parameters
    ----------
    collections : sequence of Collection
        Of one edition.

    Returns
    -------
    list of dict
        ``collection``, ``areas``, ``periods``, ``shown`` (share of rows with a value), ``finding``.
    """
    rows = []
    for c in collections:
        own = c.table[~c.table["context"].astype(bool)]
        name = c.styles[0].field
        last = own[own["period"] == _last_said(c, own)]
        finding = ""
        if c.kind == "hotspots":
            counts = last["label"].value_counts()
            tested = int((last["state"] == "tested").sum())
            finding = ", ".join(
                f"{counts[k]} {k}" for k in ("High-High", "Low-Low", "High-Low", "Low-High") if k in counts
            )
            if finding and "label_robust" in last and c.styles[0].field == "label_robust":
                weak = int(last["label_robust"].isin(UNSURE).sum())
                finding += f" ({weak} of them unsure)" if weak else ""
            untested = last.loc[last["state"] != "tested", "state"].value_counts()
            if tested and not finding:
                finding = f"none of {tested}"
            finding = ", ".join(filter(None, [finding, *(f"{n} {state}" for state, n in untested.items())]))
            name = "value"
        elif c.kind == "index" and "status_class" in last:
            finding = ", ".join(f"{n} {k}" for k, n in last["status_class"].value_counts().items())
        elif c.metadata.get("totals"):
            first, sums = next(iter(c.metadata["totals"].items()))
            year = max((y for y in sums if sums[y]["total"]), default=max(sums))
            latest = sums[year]
            finding = (
                f"{first} {year}: {latest['shown']:.1f} shown + {latest['not_shown']:.1f} not = {latest['total']:.0f}"
            )
        rows.append(
            {
                "collection": c.id,
                "areas": len(last),
                "periods": f"{c.periods[0]}–{c.periods[-1]}" if len(c.periods) > 1 else str(c.periods[0]),
                "shown": float(last[name].notna().mean()) if len(last) else 0.0,
                "finding": finding,
            }
        )
    return rows


def _last_said(collection: Collection, own: pd.DataFrame) -> int:
    """Return the last year of which the first field says anything: indicators of one topic end in different years."""
    status = f"{collection.styles[0].field}_status"
    said = own[own[status] != Status.MISSING.value] if status in own else own
    return int(said["period"].max()) if len(said) else collection.periods[-1]


def _audits(inputs: Inputs, allocations: dict[tuple[str, str], Allocation]) -> dict[str, pd.DataFrame]:
    """Audit each matrix on the latest year of the first indicator that it carries."""
    out = {}
    for (source, target), allocation in allocations.items():
        for indicator in inputs.county.indicators.values():
            if indicator.level == source and target in indicator.handed_down:
                ids = pd.Index(allocation.weights.source_ids)
                period = inputs.figures.periods(indicator.numerator, ids)[-1]
                values = inputs.figures.values(indicator.numerator, period, ids)
                out[f"{source} -> {target}: {indicator.id} {period}"] = allocation.weights.audit(values)
                break
    return out

"""What is this file? The answer behind ``sozialmonitor check FILE``: format by content, not by name, and a full read.

No options are needed. :func:`geodata.readers.recognise.recognise` tells the format, the reader of that format reads the
whole file, and the verdict counts what it returned. A table that is well formed but of no known format is described;
what cannot be read is refused with the same error that a run would give.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from geodata import exchange
from geodata.errors import ColumnError, FormatError, GeodataError, NoDataError, SignError, some
from geodata.models import Flag, Observations, Status
from geodata.readers import (
    ba,
    genesis,
    genesis_answer,
    genesis_classic,
    inkar,
    lsn,
    parquet,
    raster,
    regionaltabelle,
    text,
    vg250,
    zensus_grid,
    zensus_long,
    zipped,
)
from geodata.readers.findings import table_findings
from geodata.readers.layers import describe_vector
from geodata.readers.recognise import FORMATS, PROVISIONAL, recognise
from geodata.readers.sheet import open_sheet, sheet_names
from geodata.readers.unknown import describe_table
from geodata.readers.verdict import Verdict, is_note
from geodata.readers.wide import UNDATED
from geodata.supply.sheets import COVER, DEFINITIONS, GUIDE, KNOWN, MACHINE

__all__ = ["Verdict", "describe"]

#: Format → what reads it without options.
_READERS: dict[str, Callable[[Path], Observations]] = {
    "genesis-classic": lambda path: genesis_classic.read_classic(path, undated=True),
    "inkar": lambda path: _inkar(path),
    "regionaltabelle": regionaltabelle.read_regionaltabelle,
    "zensus-grid": zensus_grid.read_grid_2022,
    "zensus2011-grid": lambda path: _grid_2011(path),
    "zensus2011-classes": zensus_grid.read_classes_2011,
    "zensus2011-long": zensus_long.read_long_2011,
    "ba": lambda path: ba.read_ba(path, undated=True),
    "lsn": lambda path: lsn.read_lsn(path, undated=True),
    "sozialmonitor": exchange.read_observations,
}


def describe(path: Path) -> Verdict:
    """Read a file of any known kind and say what it is.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Verdict
        Format, size, years, statuses and findings.

    Raises
    ------
    GeodataError
        The file is missing, empty, truncated, an error answer, of no known kind, or breaks the rules of its format.
    """
    if zipped.is_zip(path):
        with zipped.unpacked(path) as inside:
            verdict = describe(inside)
            said = f"read from the archive's member {inside.name}"
            return replace(verdict, findings=(*verdict.findings, said))
    kind = recognise(path)
    match kind:
        case "vector":
            return describe_vector(path)
        case "raster":
            return _raster(path)
        case "genesis-answer":
            return _answer(path)
        case "vg250":
            verdict = _vg250(path)
        case "table":
            verdict = _table(path)
        case "genesis-flat" | "genesis-flat-old":
            flat = genesis.open_flat(path)
            verdict = observed(kind, genesis.from_flat(flat, path), _encoding(path))
            verdict = replace(verdict, titles=genesis.titles(flat))
        case _:
            verdict = observed(kind, _READERS[kind](path), _encoding(path))
    broken = _twice_encoded(path)
    if broken is not None:
        said = (
            f"letters were broken before this file was saved: {broken[0]!r} should be {broken[1]!r}; export it again "
            "as UTF-8, or names and keys with umlauts will match nothing"
        )
        verdict = replace(verdict, findings=(said, *verdict.findings))
    if kind in PROVISIONAL:
        said = f"provisional: {FORMATS[kind]} is read from its description, no real file was seen; compare some values"
        verdict = replace(verdict, provisional=True, findings=(said, *verdict.findings))
    return verdict


def _twice_encoded(path: Path) -> tuple[str, str] | None:
    """Look for text in UTF-8 that was read as another encoding and saved again: in a text, or a workbook's sheets."""
    names = sheet_names(path)
    if not names and text.kind_of(text.peek(path)):
        return None  # Parquet or a GeoPackage
    if not names:
        payload = text.decode(path).payload
        # The letter Ã in front of nearly all of them is quickly looked for.
        return text.twice_encoded(payload.decode("utf-8")) if b"\xc3\x83" in payload else None
    for name in names:
        try:
            cells = open_sheet(path, sheet=name).cells
        except NoDataError:
            continue
        for column in cells:
            for cell in cells[column][cells[column].str.contains("Ã", regex=False)].head(100):
                if found := text.twice_encoded(str(cell)):
                    return found
    return None


def _inkar(path: Path) -> Observations:
    """Read INKAR; where signs stand in it, by the first legend that knows them all."""
    try:
        return inkar.read_inkar(path)
    except SignError as error:
        for version in ("classic", "zensus2011", "mss"):
            with contextlib.suppress(SignError):
                found = inkar.read_inkar(path, legend=version)
                said = f'there are signs among the figures: set legend = "{version}" of the source, which knows them'
                return replace(found, notes=(said, *found.notes))
        raise error


def observed(kind: str, observations: Observations, encoding: str = "") -> Verdict:
    """Turn what a reader returned into a verdict.

    Parameters
    ----------
    kind : str
        The format.
    observations : Observations
        From its reader.
    encoding : str, optional
        Of a text file.

    Returns
    -------
    Verdict
        Counts of statuses and flags over all values.
    """
    table = observations.table
    flags: Counter[str] = Counter()
    for bits, count in zip(*np.unique(table["flags"].to_numpy(), return_counts=True), strict=True):
        flags.update({(flag.name or "").lower(): int(count) for flag in Flag(int(bits))})
    years = sorted(int(year) for year in table["period"].unique())
    undated = UNDATED in years
    findings = list(() if undated else table_findings(observations))
    if undated:
        findings.append("the file does not say the year: set period, or the source's reference_date")
    findings += [f"{n} {'value is' if n == 1 else 'values are'} flagged {flag}" for flag, n in flags.items()]
    about = [note for note in observations.notes if is_note(note)]
    findings = [*(note for note in observations.notes if note not in about), *findings, *about]
    notes = " ".join(observations.notes)
    return Verdict(
        format=kind,
        encoding=encoding,
        decimal=next((word for word in ("decimal comma", "decimal point") if word in notes), ""),
        legend=next((n.removeprefix("signs: legend ") for n in observations.notes if n.startswith("signs: ")), ""),
        rows=observations.rows or len(table),
        values=len(table),
        areas=int(table["area_id"].nunique()),
        periods=tuple(year for year in years if year != UNDATED),
        variables=observations.variables,
        statuses=Counter({str(status): int(count) for status, count in table["status"].value_counts().items()}),
        flags=flags,
        findings=tuple(dict.fromkeys(findings)),
    )


def _encoding(path: Path) -> str:
    """Return the encoding of a text; empty for workbooks and Parquet."""
    if text.kind_of(text.peek(path)) or sheet_names(path):
        return ""
    return text.decode(path).encoding


def _answer(path: Path) -> Verdict:
    answer = genesis_answer.read_answer(path)
    if answer is None:  # recognised as one a moment ago
        raise FormatError("expected an answer of a GENESIS database", where=str(path), hint="download it again")
    if answer.failed or answer.service == "data":
        raise genesis_answer.no_table(answer, path)
    return Verdict("genesis-metadata", encoding="utf-8", findings=tuple(genesis_answer.describe_metadata(answer)))


def _vg250(path: Path) -> Verdict:
    opened, rows = vg250.open_attributes(path)
    if {"EWZ", "KFL"} & set(rows.columns):
        return observed("vg250", vg250.read_vg250(path, undated=True), _encoding(path))
    findings = (opened.note, *vg250.attribute_findings(rows), "no figures (EWZ, KFL) among the fields")
    return Verdict(
        "vg250",
        encoding=_encoding(path),
        rows=len(rows),
        areas=int(rows["AGS"].nunique()),
        variables=tuple(rows.columns),
        findings=findings,
    )


def _table(path: Path) -> Verdict:
    """Describe a table of no known format; of a workbook, the first sheet that holds one."""
    names = sheet_names(path)
    if MACHINE in names:
        return _template(path, names)
    if len(names) < 2:
        return describe_table(open_sheet(path), path, _encoding(path))
    empty: NoDataError | None = None
    for name in names:
        try:
            verdict = describe_table(open_sheet(path, sheet=name), path, "")
        except NoDataError as error:
            empty = error
            continue
        said = f"the workbook has {len(names)} sheets ({some(names)}); {name!r} is described"
        return replace(verdict, findings=(*verdict.findings, said))
    raise empty or ColumnError("the workbook has no sheet", where=str(path), hint="export it again")


def _template(path: Path, names: tuple[str, ...]) -> Verdict:
    """Describe a delivery template of Sozialmonitor by its first sheet of figures, and say who checks it."""
    from geodata.supply.workbook import read_request

    sheets = [name for name in names if name not in (GUIDE, COVER, DEFINITIONS, KNOWN, MACHINE)]
    try:
        request = read_request(path)
        about = f"{request.department_name}, {', '.join(map(str, request.periods))}"
        periods = tuple(sorted(request.periods))
        sheets = [form.sheet for form in request.forms if form.sheet in names]
    except GeodataError:  # supply check says what was changed
        about, periods = "its hidden sheet was changed", ()
    said = (
        f"a delivery template of Sozialmonitor ({about}): check it with `sozialmonitor supply check {path.name}`, "
        "which knows what was asked for"
    )
    verdict = describe_table(open_sheet(path, sheet=sheets[0]), path, "") if sheets else Verdict("table")
    findings = (said, *(f for f in verdict.findings if not f.startswith("no known official format")))
    return replace(verdict, format="supply-template", periods=periods or verdict.periods, findings=findings)


def _grid_2011(path: Path) -> Observations:
    """Read a grid of 2011; Parquet does not say its cell size, midpoints do."""
    if not parquet.is_parquet(path):
        return zensus_grid.read_grid_2011(path)
    size = _step(path)
    found = zensus_grid.read_grid_2011(path, cell_size=size)
    said = f"cell_size = {size} (the columns do not say it: told from the midpoints)"
    return replace(found, notes=(*found.notes, said))


def _step(path: Path) -> int:
    """Tell the cell size of a grid without one from its midpoints: corner + half a cell."""
    table = parquet.read_table(path)
    x = parquet.numbers(table, table.column_names.index("x"), str(path))
    for size in (10_000, 1000, 100):
        if len(x) and (x % size == size / 2).all():
            return size
    raise FormatError(
        "expected midpoints of 100 m, 1 km or 10 km cells in column x, found others", where=str(path), hint="check x, y"
    )


def _raster(path: Path) -> Verdict:
    about = raster.about(path)
    band = raster.read_raster(path)
    values = np.asarray(band.values)
    held = np.isfinite(values)
    a, _, _, _, e, _ = band.transform
    unit = about.unit or "not named: set unit"
    findings = (
        f"{values.shape[0]} × {values.shape[1]} cells of {a:g} × {-e:g}, {band.crs}, {len(about.bands)} bands, "
        f"{about.driver}{', cloud optimised (COG)' if about.cloud_optimised else ''}",
        f"nodata: {'none declared' if about.nodata is None else f'{about.nodata:g}'}; unit: {unit}",
        f"band 1: {int(held.sum())} cells with a value, {float(values[held].min()):g} to "
        f"{float(values[held].max()):g}, sum {float(values[held].sum()):g}",
    )
    statuses = Counter({Status.OBSERVED.value: int(held.sum()), Status.MISSING.value: int((~held).sum())})
    return Verdict(
        "raster",
        rows=int(held.sum()),
        values=int(values.size),
        variables=about.bands,
        statuses=+statuses,
        findings=findings,
    )

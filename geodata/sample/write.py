"""Write the Musterkreis: an invented county in the official file formats, with its ``county.toml``.

Everything follows from the seed. ``truth/`` lies beside ``data/``: only tests and ``--check`` read it.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Literal

import numpy as np
import shapely

from geodata.errors import ConfigError
from geodata.sample import registers
from geodata.sample.formats import comma, write_geopackage, write_raster, write_zensus_grid
from geodata.sample.geography import COUNTY_KEY, NEIGHBOUR_KEY, PLANS, Land, Plan, build_land
from geodata.sample.settlement import Settlement, settle
from geodata.sample.truth import REGISTERS, Truth, invent

SEED = 20260101
#: Mixed into the seed: another number is another land.
LAYOUT = 50


def write_county(
    directory: Path, *, seed: int = SEED, size: Literal["full", "tiny"] = "full", with_truth: bool = True
) -> None:
    """Write an invented county.

    Parameters
    ----------
    directory : pathlib.Path
        Gets ``county.toml``, ``measures.toml``, ``data/`` and ``truth/``; made if it does not exist.
    seed : int, default 20260101
        The same seed gives the same bytes.
    size : {"full", "tiny"}, default "full"
        ``full``: 8 Gemeinden, 80 Ortsteile, about 6 000 populated cells, 2019 to 2024. ``tiny``: 3 Gemeinden,
        36 Ortsteile, about 350 cells, 2023 and 2024, with the same files.
    with_truth : bool, default True
        Also write ``truth/``, what really holds in the invented county; a template for another county needs none.

    Raises
    ------
    ConfigError
        The directory holds a county already, or the size is unknown.

    Examples
    --------
    >>> write_county(Path("musterkreis"))  # doctest: +SKIP
    """
    if size not in PLANS:
        raise ConfigError(f"expected size full or tiny, found {size!r}", where="write_county")
    if (directory / "county.toml").exists() or (directory / "data").exists():
        raise ConfigError(
            "expected a new or empty directory, found a county in it",
            where=str(directory),
            hint="choose another directory; nothing is overwritten",
        )
    plan = PLANS[size]
    land, people, truth = imagine(plan, seed)
    boundary_rng, grid_rng, register_rng = np.random.default_rng([seed, LAYOUT, 1]).spawn(3)

    data = directory / "data"
    for folder in ("grenzen", "zensus", "genesis", "fachdienste", "raster"):
        (data / folder).mkdir(parents=True, exist_ok=True)
    _boundaries(data / "grenzen", land, people, boundary_rng)
    _grids(data, people, truth, grid_rng)
    registers.write_genesis_tables(data / "genesis", land, people, truth, plan, register_rng)
    registers.write_office_tables(data / "fachdienste", land, people, truth, plan)
    if with_truth:
        _truth(directory / "truth", seed, land, people, truth, plan)
    # Last: a folder without county.toml is no county, so a broken write is not mistaken for one.
    for name in ("measures.toml", "county.toml"):
        template = resources.files("geodata.sample").joinpath(name).read_text(encoding="utf-8")
        (directory / name).write_text(template, encoding="utf-8", newline="\n")


def imagine(plan: Plan, seed: int, layout: int = LAYOUT) -> tuple[Land, Settlement, Truth]:
    """Make up a county without writing it.

    Parameters
    ----------
    plan : Plan
        Its size.
    seed, layout : int
        Decide everything. Land, people and truth draw from streams of their own, so that a change to one leaves the
        others as they are.

    Returns
    -------
    Land, Settlement, Truth
        Polygons, people, and what is hidden.
    """
    land_rng, people_rng, truth_rng = np.random.default_rng([seed, layout]).spawn(3)
    land = build_land(plan, land_rng)
    people = settle(land, plan, people_rng)
    return land, people, invent(land, people, plan, truth_rng)


def _boundaries(folder: Path, land: Land, people: Settlement, rng: np.random.Generator) -> None:
    """Write Gemeinden as the BKG does (land GF 4, lakes GF 2 with the same AGS), and the Ortsteile of the county."""
    inhabitants = people.people[:, -1].sum(axis=(1, 2))
    own = [int(inhabitants[land.gemeinde_of == g].sum()) for g in range(len(land.gemeinden))]
    outside = rng.integers(4_000, 30_000, len(land.neighbours)).tolist()
    keys = land.gemeinde_keys + land.neighbour_keys + [land.gemeinde_keys[g] for g in land.water_of]
    names = [*land.gemeinde_names, *land.neighbour_names, *(land.gemeinde_names[g] for g in land.water_of)]
    geometry = [*land.gemeinden, *land.neighbours, *land.waters]
    water = [False] * (len(own) + len(outside)) + [True] * len(land.waters)
    town = [key == land.gemeinde_keys[0] for key in keys]
    ars = [f"{key[:5]}{'0000' if is_town else '0' + key[5:]}{key[5:]}" for key, is_town in zip(keys, town, strict=True)]
    fields = {
        "ADE": np.full(len(keys), 6, dtype=np.int32),
        "GF": np.where(water, 2, 4).astype(np.int32),
        "BSG": np.ones(len(keys), dtype=np.int32),
        "ARS": ars,
        "AGS": keys,
        "SDV_ARS": ars,
        "GEN": names,
        "BEZ": ["Stadt" if is_town else "Gemeinde" for is_town in town],
        "IBZ": np.where(town, 61, 64).astype(np.int32),
        "BEM": ["--"] * len(keys),
        "NBD": ["ja"] * len(keys),
        "NUTS": ["DEZ01" if key.startswith(COUNTY_KEY) else "DEZ02" for key in keys],
        "WSK": ["2009-01-01"] * len(keys),
        "EWZ": np.array([*own, *outside, *([0] * len(land.waters))], dtype=np.int32),
        "KFL": np.round(shapely.area(np.array(geometry)) / 1e6, 2),
    }
    fields = {name: np.array(v, dtype=object) if isinstance(v, list) else v for name, v in fields.items()}
    write_geopackage(folder / "DE_VG250.gpkg", "vg250_gem", geometry, fields)
    parts = {
        "schluessel": np.array(land.ortsteil_keys, dtype=object),
        "name": np.array(land.ortsteil_names, dtype=object),
        "gemeinde_ags": np.array([land.gemeinde_keys[g] for g in land.gemeinde_of], dtype=object),
        "flaeche_ha": np.round(shapely.area(land.ortsteile) / 1e4, 1),
    }
    write_geopackage(folder / "ortsteile.gpkg", "ortsteile", land.ortsteile, parts)


def _grids(data: Path, people: Settlement, truth: Truth, rng: np.random.Generator) -> None:
    """Write the census grids, noisy as published, and a modelled population raster of another year."""
    true = people.cell_people
    noisy = np.maximum(true + rng.choice([-2, -1, 0, 1, 2], len(true), p=[0.1, 0.2, 0.4, 0.2, 0.1]), 0)
    noisy[noisy < 3] = 0
    listed = (noisy > 0) | (rng.random(len(true)) < 0.4)  # most cells set to zero are left out, some carry the dash
    corner, shown, level = people.corner[listed], noisy[listed], truth.level[listed]
    zensus = data / "zensus"
    none = [False] * len(shown)
    write_zensus_grid(
        zensus / "Zensus2022_Bevoelkerungszahl_100m-Gitter.csv",
        corner, "Einwohner", [str(n) if n else "–" for n in shown.tolist()], none,
    )  # fmt: skip
    living = (shown >= 3) & (rng.random(len(shown)) < 0.96)
    area = 47.5 * np.exp(-0.17 * level) + rng.normal(0, 11 / np.sqrt(np.maximum(shown, 3)))
    write_zensus_grid(
        zensus / "Zensus2022_Durchschn_Flaeche_je_Bewohner_100m-Gitter.csv",
        corner, "durchschnFlaechejeBew",
        [comma(a) if ok else "–" for a, ok in zip(area.tolist(), living.tolist(), strict=True)],
        ((shown < 8) & living).tolist(),
    )  # fmt: skip
    share = people.people[:, -1, :, -1].sum(axis=1) / people.people[:, -1].sum(axis=(1, 2))
    old = rng.binomial(shown, share[people.ortsteil_of[listed]])
    written = [comma(100 * o / n, 2) if o else "–" for o, n in zip(old.tolist(), np.maximum(shown, 1), strict=True)]
    write_zensus_grid(
        zensus / "Zensus2022_Anteil_ueber_65_100m-Gitter.csv",
        corner, "AnteilUeber65", written, ((shown < 12) & (old > 0)).tolist(),
    )  # fmt: skip
    modelled = true * rng.lognormal(-0.03, 0.25, len(true))
    write_raster(data / "raster" / "bevoelkerung_2020_100m.tif", people.corner, modelled)


def _truth(folder: Path, seed: int, land: Land, people: Settlement, truth: Truth, plan: Plan) -> None:
    """Write what is hidden: clusters and rates per Ortsteil (JSON), rates per cell (Parquet)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    keys = land.ortsteil_keys
    years = [str(year) for year in plan.years]

    def named(clusters: list[tuple[int, ...]]) -> list[list[str]]:
        return [[keys[o] for o in cluster] for cluster in clusters]

    story = {
        "seed": seed,
        "county": COUNTY_KEY,
        "neighbours": NEIGHBOUR_KEY,
        "years": list(plan.years),
        "ortsteile": keys,
        "clusters": {
            indicator: {kind: named(found) for kind, found in truth.members(parts[0]).items()}
            for indicator, parts in REGISTERS.items()
        },
        "registers": {indicator: list(parts) for indicator, parts in REGISTERS.items()},
        "rates": {
            name: {year: [round(float(v), 6) for v in values[:, t]] for t, year in enumerate(years)}
            for name, values in truth.rates.items()
        },
        "counts": {
            name: {year: [int(v) for v in values[:, t]] for t, year in enumerate(years)}
            for name, values in truth.counts.items()
        },
    }
    (folder / "truth.json").write_text(
        json.dumps(story, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n"
    )
    ids = [f"CRS3035RES100mN{y}E{x}" for x, y in people.corner.tolist()]
    table = {"cell": ids, "ortsteil": [keys[o] for o in people.ortsteil_of.tolist()], "einwohner": people.cell_people}
    table |= dict(truth.cell_rates)
    pq.write_table(pa.table(table), folder / "cells.parquet")

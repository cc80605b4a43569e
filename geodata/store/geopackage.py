"""Writing ``layers.gpkg``: what people download, opening in QGIS already styled.

areas_<level>          the areas of a level
<collection>_latest    a layer of its own: areas with the rows of the latest period
<collection>           all periods; a spatial view over values_<collection> and areas_<level>, so that geometry is
                       stored once per area and not once per year
layer_styles           default styles, as QGIS looks for them
gpkg_data_columns      German titles of the columns (extension gpkg_schema)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geodata.store.model import Collection, Edition, Field, FieldType, Style
from geodata.store.protocol import KEYS, LATEST
from geodata.store.qml import alias, qml
from geodata.store.rows import Rows
from geodata.store.shapes import Shapes

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

#: 1.2 is what GDAL releases before 3.7 still read without a warning.
VERSION = "1.2"
#: Said of every layer of the internal edition.
INTERNAL = "Interne Ausgabe: enthält ungesperrte Werte und darf diesen Rechner nicht verlassen."

_COLUMN: Mapping[FieldType, str] = {"string": "TEXT", "integer": "INTEGER", "number": "REAL", "boolean": "BOOLEAN"}
_PANDAS: Mapping[FieldType, str] = {"string": "object", "integer": "Int64", "number": "float64", "boolean": "boolean"}


def write_geopackage(
    path: Path,
    shapes: Sequence[Shapes],
    collections: Sequence[tuple[Collection, Rows]],
    *,
    edition: Edition = "public",
) -> None:
    """Write the GeoPackage of an edition.

    Parameters
    ----------
    path : Path
        Must not exist.
    shapes : sequence of Shapes
        The levels.
    collections : sequence of (Collection, Rows)
        In the order in which they are listed.
    edition : {"public", "internal"}
        In the internal one every layer's title and description say so.
    """
    import pyogrio

    def write(layer: str, areas: gpd.GeoDataFrame, geometry_type: str) -> None:
        first = {} if path.exists() else {"VERSION": VERSION}
        options = {"GEOMETRY_NAME": "geom", "FID": "fid", "SPATIAL_INDEX": "YES"}
        pyogrio.write_dataframe(
            areas,
            path,
            layer=layer,
            driver="GPKG",
            geometry_type=geometry_type,
            dataset_options=first,
            layer_options=options,
        )

    of_level = {level.level: level for level in shapes}
    with _unsynchronised():
        for level in shapes:
            write(f"areas_{level.level}", _areas(level), level.geometry_type)
        for collection, rows in collections:
            level = of_level[collection.level]
            write(collection.id + LATEST, _latest(rows, level), level.geometry_type)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")  # synced as a whole when the publication is committed
        db.execute("BEGIN")
        _prepare(db)
        for level in shapes:
            _describe(db, f"areas_{level.level}", level.layer.title.de, _source(level), edition)
        for collection, rows in collections:
            _view(db, collection, rows, of_level[collection.level])
            _document(db, collection, edition, grid=of_level[collection.level].layer.is_grid)
        db.execute("COMMIT")


@contextmanager
def _unsynchronised() -> Iterator[None]:
    """Let OGR write without waiting for the disk after every layer: the file is a draft until it is committed."""
    import pyogrio

    options = {"OGR_SQLITE_SYNCHRONOUS": "OFF", "OGR_SQLITE_JOURNAL": "MEMORY"}
    before = {name: pyogrio.get_gdal_config_option(name) for name in options}
    pyogrio.set_gdal_config_options(options)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def _areas(shapes: Shapes) -> gpd.GeoDataFrame:
    import geopandas as gpd

    columns = {"area_id": shapes.ids, "name": shapes.names, "context": shapes.context}
    return gpd.GeoDataFrame(columns, geometry=shapes.polygons, crs=shapes.storage_crs)


def _latest(rows: Rows, shapes: Shapes) -> gpd.GeoDataFrame:
    import geopandas as gpd

    place_of = {area: place for place, area in enumerate(shapes.ids)}
    polygons = shapes.polygons[[place_of[rows.columns["area_id"][row]] for row in rows.newest]]
    columns = {
        name: _series([rows.columns[name][row] for row in rows.newest], kind) for name, kind in rows.types.items()
    }
    return gpd.GeoDataFrame(columns, geometry=polygons, crs=shapes.storage_crs)


def _series(values: list[Any], kind: FieldType) -> pd.Series:
    import pandas as pd

    return pd.Series(values, dtype=_PANDAS[kind])


#: The table in which QGIS looks for styles, and its entry among the contents.
_STYLES = (
    """CREATE TABLE layer_styles(
         id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
         f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
         useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
         update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))""",
    """INSERT INTO gpkg_contents(table_name, data_type, identifier, description, srs_id)
         VALUES ('layer_styles', 'attributes', 'layer_styles', '', 0)""",
)
_STYLE = (
    "INSERT INTO layer_styles(f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName,"
    " styleQML, styleSLD, useAsDefault, description, owner) VALUES ('', '', ?, 'geom', ?, ?, '', ?, ?, '')"
)


def add_style(path: Path, layer: str, name: str, document: str, about: str = "") -> None:
    """Give the one layer of a GeoPackage that OGR wrote the style with which QGIS opens it.

    Parameters
    ----------
    path : pathlib.Path
        A GeoPackage without styles, its geometry in the column ``geom``.
    layer, name : str
        Of the layer and of the style (at most 30 letters count).
    document : str
        QML, see :func:`geodata.store.qml.qml`.
    about : str
        What the style says, in words.
    """
    with closing(sqlite3.connect(path)) as db, db:
        for statement in _STYLES:
            db.execute(statement)
        db.execute(_STYLE, (layer, name[:30], document, 1, about))


def _prepare(db: sqlite3.Connection) -> None:
    """Add the tables that OGR does not write by itself."""
    statements = (
        *_STYLES,
        """CREATE TABLE IF NOT EXISTS gpkg_data_columns(
             table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT, description TEXT,
             mime_type TEXT, constraint_name TEXT,
             CONSTRAINT pk_gdc PRIMARY KEY (table_name, column_name),
             CONSTRAINT gdc_tn UNIQUE (table_name, name))""",
        """CREATE TABLE IF NOT EXISTS gpkg_data_column_constraints(
             constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL, value TEXT, min NUMERIC,
             min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT,
             CONSTRAINT gdcc_ntv UNIQUE (constraint_name, constraint_type, value))""",
    )
    for statement in statements:
        db.execute(statement)
    # A GeoPackage that OGR wrote with a spatial index has this table already.
    db.executemany(
        "INSERT INTO gpkg_extensions(table_name, column_name, extension_name, definition, scope) "
        "VALUES (?, NULL, 'gpkg_schema', 'http://www.geopackage.org/spec120/#extension_schema', 'read-write')",
        [("gpkg_data_columns",), ("gpkg_data_column_constraints",)],
    )


def _view(db: sqlite3.Connection, collection: Collection, rows: Rows, shapes: Shapes) -> None:
    values, areas = f"values_{collection.id}", f"areas_{shapes.level}"
    columns = "".join(f', "{name}" {_COLUMN[kind]}' for name, kind in rows.types.items())
    db.execute(f'CREATE TABLE "{values}"(fid INTEGER PRIMARY KEY NOT NULL, area_fid INTEGER NOT NULL{columns})')
    # OGR numbered the areas in the order in which they were written.
    fid_of = {area: fid for fid, area in enumerate(shapes.ids, start=1)}
    area_fids = [fid_of[area] for area in rows.columns["area_id"]]
    marks = ", ".join("?" * (len(rows.columns) + 2))
    numbered = zip(range(1, len(rows) + 1), area_fids, *rows.columns.values(), strict=True)
    db.executemany(f'INSERT INTO "{values}" VALUES ({marks})', numbered)
    names = ", ".join(f'v."{name}"' for name in rows.types)
    # OGC_FID is the name by which OGR recognises the feature id of a view.
    db.execute(
        f'CREATE VIEW "{collection.id}" AS SELECT v.fid AS OGC_FID, a.geom AS geom, {names} '
        f'FROM "{values}" v JOIN "{areas}" a ON a.fid = v.area_fid'
    )
    places = {area: place for place, area in enumerate(shapes.ids)}
    used = sorted({places[area] for area in rows.columns["area_id"]})
    bounds = shapes.bounds[shapes.storage_crs][used]
    box = (*bounds[:, :2].min(axis=0).tolist(), *bounds[:, 2:].max(axis=0).tolist())
    db.execute(
        "INSERT INTO gpkg_contents(table_name, data_type, identifier, min_x, min_y, max_x, max_y, srs_id) "
        "SELECT ?, 'features', ?, ?, ?, ?, ?, srs_id FROM gpkg_contents WHERE table_name = ?",
        (collection.id, collection.id, *box, areas),
    )
    db.execute(
        "INSERT INTO gpkg_geometry_columns(table_name, column_name, geometry_type_name, srs_id, z, m) "
        "SELECT ?, 'geom', geometry_type_name, srs_id, z, m FROM gpkg_geometry_columns WHERE table_name = ?",
        (collection.id, areas),
    )


def _document(db: sqlite3.Connection, collection: Collection, edition: Edition, *, grid: bool) -> None:
    """Write titles, attribution, aliases and styles of both layers of a collection."""
    fields = (*KEYS, *collection.fields)
    title = collection.title.de
    for layer, label in ((collection.id, title), (collection.id + LATEST, f"{title} (neuester Stand)")):
        about = [collection.description.de, *_statements(collection.metadata)]
        if layer == collection.id:
            about.append("Alle Jahre: zum Zeichnen auf ein Jahr (Spalte period) filtern.")
        _describe(db, layer, label, "\n".join(text for text in about if text), edition)
        _titles(db, layer, fields)
        named: set[str] = set()
        for place, style in enumerate(collection.styles):
            name = _unique(style.field[:30], named, 30)
            said = [INTERNAL, *_sentences(style)] if edition == "internal" else _sentences(style)
            about_style = " ".join([*said, _attribution(collection.metadata)])
            document = qml(style, fields, grid=grid)
            db.execute(_STYLE, (layer, name, document, int(place == 0), about_style))


def _titles(db: sqlite3.Connection, layer: str, fields: Iterable[Field]) -> None:
    titles: set[str] = set()
    for field in fields:
        title = _unique(alias(field), titles, 200)
        about = " ".join(text for text in (field.description.de, _values(field)) if text)
        db.execute(
            "INSERT INTO gpkg_data_columns(table_name, column_name, name, title, description) VALUES (?, ?, ?, ?, ?)",
            (layer, field.name, title, title, about),
        )


def _values(field: Field) -> str:
    return "; ".join(f"{value} = {text.de}" for value, text in field.values.items())


def _sentences(style: Style) -> list[str]:
    return [f"{text.de}." for text in (style.method, style.reading) if text.de]


def _describe(db: sqlite3.Connection, layer: str, title: str, description: str, edition: Edition) -> None:
    if edition == "internal":
        title, description = f"INTERN – {title}", f"{INTERNAL}\n{description}"
    # An identifier must be unique in the file, and two collections may share a title.
    db.execute(
        "UPDATE gpkg_contents SET identifier = ?, description = ? WHERE table_name = ?",
        (f"{title} [{layer}]", description, layer),
    )


def _statements(metadata: Mapping[str, Any]) -> list[str]:
    """Return what a map must say, from a collection's metadata."""
    labels = {"boundary_date": "Gebietsstand", "licence": "Lizenz"}
    found = [_attribution(metadata)]
    found += [f"{label}: {metadata[key]}" for key, label in labels.items() if metadata.get(key)]
    for key in ("method", "caveat"):
        text = metadata.get(key)
        if isinstance(text, Mapping) and text.get("de"):
            found.append(str(text["de"]))
    for note in (metadata.get("handed_down") or {}).values():
        if isinstance(note, Mapping):
            remarks = note.get("remarks") or {}
            found.append(" ".join([str((note.get("text") or {}).get("de", "")), *remarks.get("de", ())]).strip())
    found = list(dict.fromkeys(text for text in found if text))
    if metadata.get("draft"):
        found.append("Entwurf, nicht zur Veröffentlichung.")
    return found


def _attribution(metadata: Mapping[str, Any]) -> str:
    attribution = metadata.get("attribution")
    if isinstance(attribution, Mapping):
        attribution = attribution.get("de")
    if isinstance(attribution, list | tuple):
        attribution = "; ".join(str(part) for part in attribution)
    return f"Quelle: {attribution}" if attribution else ""


def _source(shapes: Shapes) -> str:
    layer = shapes.layer
    parts = [f"Quelle: {layer.source.attribution}"] if layer.source else []
    if layer.boundary_date:
        parts.append(f"Gebietsstand: {layer.boundary_date.isoformat()}")
    return "\n".join(parts)


def _unique(text: str, taken: set[str], limit: int) -> str:
    candidate, number = text[:limit], 2
    while candidate in taken:
        ending = f" ({number})"
        candidate, number = text[: limit - len(ending)] + ending, number + 1
    taken.add(candidate)
    return candidate

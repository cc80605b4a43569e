"""Files to start from, for every reader: real ones, where they are, those of the invented county, and made ones."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: What is cut from long text files: a mutation is found as well in the first rows, and faster.
TEXT = 5_000


@dataclass(frozen=True)
class Seed:
    """A file: its name, its bytes and its companions."""

    name: str
    payload: bytes
    companions: tuple[tuple[str, bytes], ...] = ()


#: Reader → (how it is entered, real files, made files).
KINDS: dict[str, tuple[str, list[str], list[str]]] = {
    "addresses": ("addresses", [], ["addresses.csv", "addresses.xlsx"]),
    "areas": ("areas", ["peine/*2016*.geojson"], ["a.gpkg", "a.geojson", "a.fgb"]),
    "ba": ("check", [], ["ba.xlsx"]),
    "county": ("county", [], ["county.toml"]),
    "csv": ("check", ["berlin/*bezirke.csv", "berlin/*status.csv", "berlin/*index*.csv"], ["plain.csv", "headers.csv"]),
    "flatgeobuf": ("check", [], ["a.fgb"]),
    "genesis-answer": ("check", ["official/*.json"], ["answer.json"]),
    "genesis-classic": ("check", [], ["classic.csv"]),
    "genesis-flat": ("check", ["official/genesis_v5_*_flat.csv", "peine/zensus2022_*.csv"], ["flat5.csv"]),
    "genesis-flat-old": ("check", [], ["flat.csv"]),
    "geojson": ("check", ["peine/*2022*.geojson"], ["a.geojson"]),
    "geoparquet": ("check", [], ["geo.parquet"]),
    "gpkg": ("check", ["peine/*.gpkg"], ["a.gpkg"]),
    "inkar-csv": ("check", ["official/inkar_iris_*.csv", "peine/inkar_*.csv"], ["inkar.csv"]),
    "inkar-xls": ("check", ["official/*.xls"], []),
    "layer": ("layer", [], ["areas.gpkg", "areas.parquet"]),
    "lsn": ("check", [], ["lsn.xlsx"]),
    "ods": ("check", [], ["a.ods"]),
    "parquet": ("check", ["peine/*.parquet"], ["grid.parquet", "table.parquet"]),
    "raster": ("check", [], ["a.tif", "cog.tif", "a.asc"]),
    "regionaltabelle": ("check", [], ["regional.xlsx"]),
    "shapefile": ("check", [], ["a.shp"]),
    "sozialmonitor": ("check", [], ["figures.csv", "figures.parquet", "figures.gpkg", "areas.parquet"]),
    "spreadsheetml": ("check", [], ["lsn.xml"]),
    "supply": ("supply", [], ["supply.xlsx"]),
    "territory": ("territory", [], ["territory.toml"]),
    "vg250": ("check", ["peine/vg250-ew_*.csv"], ["vg250.csv"]),
    "xlsx": ("check", [], ["a.xlsx"]),
    "zensus-grid": ("check", [], ["grid.csv"]),
    "zensus2011-classes": ("check", ["peine/zensus2011_1km_klassiert*.csv"], ["classes.csv"]),
    "zensus2011-grid": ("check", ["peine/zensus2011_1km_spitz*.csv"], ["grid2011.csv"]),
    "zensus2011-long": ("check", [], ["long.csv", "long.parquet"]),
}


def seeds(kind: str) -> tuple[str, list[Seed]]:
    """Return how a reader is entered, and the files it is tried with."""
    entry, patterns, names = KINDS[kind]
    found = [made(name) for name in names]
    folder = Path(os.environ.get("SOZIALMONITOR_REAL_DATA") or ROOT.parent / "shared" / "data")
    for pattern in patterns if folder.is_dir() else ():
        paths = sorted(folder.glob(pattern))
        assert paths, f"no {pattern} in {folder}"
        found += [Seed(path.name, _short(path)) for path in paths]
    return entry, found


def _short(path: Path) -> bytes:
    payload = path.read_bytes()
    if path.suffix == ".csv" and len(payload) > TEXT:
        payload = payload[: payload.index(b"\n", TEXT) + 1]
    if path.suffix == ".parquet" and len(payload) > 40_000:
        return _few_rows(payload)
    return payload


def _few_rows(payload: bytes) -> bytes:
    from io import BytesIO

    import pyarrow.parquet as pq

    out = BytesIO()
    pq.write_table(pq.read_table(BytesIO(payload)).slice(0, 500), out)
    return out.getvalue()


@lru_cache(maxsize=64)
def made(name: str) -> Seed:
    """Return one file that is made here."""
    if name in (texts := _texts()):
        return Seed(name, texts[name])
    files = _files()
    if name == "a.shp":
        return Seed(name, files[name], tuple((part, files[part]) for part in ("a.dbf", "a.shx", "a.prj")))
    return Seed(name, files[name])


@lru_cache(maxsize=1)
def _texts() -> dict[str, bytes]:
    grid = "".join(f"CRS3035RES1000mN2{i:03}000E4334000;4334500;2{i:03}500;{i * 7};\n" for i in range(40))
    old = "".join(f"43{i:02}500,3250500,{i + 3},4{i}.25\n" for i in range(40))
    classes = "".join(f"43{i:02}500,3250500,{i % 6 + 1},{i % 5 + 1}\n" for i in range(40))
    classic = [
        "Tabelle: 12411-01-01-4;;;",
        "Bevölkerung nach Geschlecht - Stichtag 31.12.;;;",
        "Fortschreibung des Bevölkerungsstandes;;;",
        *(";;Bevölkerung;Bevölkerung", ";;Anzahl;Anzahl", ";;männlich;weiblich"),
        *(f"0315700{i};  Peine {i};{i}12;{i}13" for i in range(1, 9)),
        *("__________", "(C)opyright Statistische Ämter des Bundes und der Länder;;;"),
    ]
    head = (
        "Statistik_Code;Statistik_Label;Zeit_Code;Zeit_Label;Zeit;1_Merkmal_Code;1_Merkmal_Label;"
        "1_Auspraegung_Code;1_Auspraegung_Label;BEV001__Bevoelkerung__Anzahl\n"
    )
    flat5 = (
        "statistics_code;statistics_label;time_code;time_label;time;1_variable_code;1_variable_label;"
        "1_variable_attribute_code;1_variable_attribute_label;value;value_unit;value_variable_code;value_variable_label\n"
    )
    cells = "".join(
        f'<Row><Cell><Data ss:Type="String">15700{i} Ort</Data></Cell><Cell ss:Index="3"><Data ss:Type="Number">{i}'
        "</Data></Cell></Row>"
        for i in range(1, 9)
    )
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    answer = (
        '{"Ident": {"Service": "data", "Method": "table"}, "Status": {"Code": 104, "Content": "Es gibt keine Objekte",'
        ' "Type": "Information"}, "Parameter": {"name": "1"}, "Object": null}'
    )
    return {
        "grid.csv": (
            "GITTER_ID_1km;x_mp_1km;y_mp_1km;Einwohner;werterlaeuternde_Zeichen\n"
            f"{grid}CRS3035RES1000mN2684000E4434000;4434500;2684500;–;KLAMMERN\n"
        ).encode(),
        "grid2011.csv": f"x_mp_1km,y_mp_1km,Einwohner,Alter_D\n{old}".encode(),
        "classes.csv": f"x_mp_1km,y_mp_1km,Einwohner,Alter_D\n{classes}".encode(),
        "long.csv": (
            "Gitter_ID_100m;Gitter_ID_100m_neu;Merkmal;Auspraegung_Code;Auspraegung_Text;Anzahl;Anzahl_q\n"
            + "".join(
                f"100mN268{i:02}E43341;CRS3035RES100mN268{i:02}00E4334100;INSGESAMT;0;Einheiten insgesamt;{i};0\n"
                for i in range(10, 40)
            )
        ).encode("latin-1"),
        "classic.csv": ("\n".join(classic) + "\n").encode("latin-1"),
        "flat.csv": (
            head + "".join(f"12411;F;STAG;Stichtag;31.12.2022;GEM;Gem;0315700{i};Ort;{i}12\n" for i in range(1, 9))
        ).encode("latin-1"),
        "flat5.csv": (
            flat5
            + "".join(
                f"12411;F;STAG;Stichtag;2022-12-31;GEMEIN;Gem;0315700{i};Ort {i};{i}12;Anzahl;BEV;B\n"
                for i in range(1, 9)
            )
        ).encode("utf-8-sig"),
        "plain.csv": "Schlüssel;Jahr;Wert\n03157001;2022;1,5\n03157002;2022;-\n03157005;2022;3,25\n".encode(),
        "headers.csv": (
            "Schlüssel;Gemeinde;2023;;2024;\n;;Personen;Frauen;Personen;Frauen\n"
            "03157001;Edemissen;100;50;110;55\n03157002;Hohenhameln;101;51;111;56\n;Insgesamt;201;101;221;112\n"
        ).encode(),
        "inkar.csv": b"Kennziffer;Raumeinheit;Aggregat;Arbeitslosigkeit\n;;;2021\n03157;Peine;Kreise;5,1\n",
        "vg250.csv": (
            "ADE;GF;AGS;ARS;GEN;BEZ;EWZ;KFL\n"
            + "".join(f"6;4;0315700{i};031570{i:06};Ort;G;{i}00;1,5\n" for i in range(9))
        ).encode(),
        "lsn.xml": (
            f'<?xml version="1.0"?><Workbook xmlns="{space}" xmlns:ss="{space}"><Worksheet ss:Name="A"><Table>'
            '<Row><Cell><Data ss:Type="String">Gebiet am 31.12.2023</Data></Cell><Cell ss:Index="3">'
            f'<Data ss:Type="String">Plätze</Data></Cell></Row>{cells}</Table></Worksheet></Workbook>'
        ).encode(),
        "answer.json": answer.encode(),
        "addresses.csv": (
            "Straße;von;bis;Seite;Ortsteil-Schlüssel\nLange Straße;1;19;ungerade;031570010\nLange Straße;2;20b;gerade;"
            "031570020\nAm Markt;;;alle;031570010\n"
        ).encode(),
        "territory.toml": (ROOT / "geodata/data/territory_niedersachsen.toml").read_bytes(),
        "county.toml": (ROOT / "counties/peine/county.toml").read_bytes(),
        "a.asc": b"ncols 4\nnrows 3\nxllcorner 4334000\nyllcorner 3250000\ncellsize 100\nNODATA_value -9999\n"
        b"1 2 3 4\n5 -9999 7 8\n9 10 11 12\n",
    }


@lru_cache(maxsize=1)
def _files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _workbooks(folder)
        _maps(folder)
        _supply(folder / "supply.xlsx")
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def _book(path: Path, sheets: dict[str, list[list[Any]]]) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)


def _workbooks(folder: Path) -> None:
    plain: list[list[Any]] = [["Schlüssel", "Name", "Jahr", "Arbeitslose"]]
    plain += [[f"03157{i:03}", f"Ort {i}", 2020 + i % 3, i * 1.5] for i in range(1, 30)]
    _book(folder / "a.xlsx", {"T": [*plain, ["03157099", "=A1", 2022, "=SUM(D2:D9)"]]})
    _book(
        folder / "addresses.xlsx",
        {"T": [["Straße", "von", "bis", "Schlüssel"], ["Lange Straße", 1, "19a", "031570010"], ["Markt", 2, 8, "03"]]},
    )
    _book(
        folder / "lsn.xlsx",
        {
            "A": [["Bevölkerung am 31.12.2023"], ["Gebiet", "insgesamt", "%"], ["0  Niedersachsen", "8.140.242", 49.1]]
            + [[f"15700{i}  Ort {i}", 50276 + i, 0] for i in range(1, 9)]
            + [["Quelle"]]
        },
    )
    rows: list[list[Any]] = [["Berichtszeitpunkt", "_RS", "Name", "Regionalebene", "EWZ", "EWZ_M"]]
    rows += [[20220515, f"0315700{i}0{i:03}", f"Ort {i}", "Gemeinde", 7 * i, "–"] for i in range(1, 9)]
    _book(folder / "regional.xlsx", {"Titel": [["Zensus 2022"]], "CSV-Einwohnerzahl": rows, "CSV-Haushalte": rows})
    columns = ["AGS", "Gemeinde", "Beschäftigte\nam Wohnort", None, "Beschäftigte\nam Arbeitsort", "Betriebe"]
    _book(
        folder / "ba.xlsx",
        {
            "Deckblatt": [["BA"]],
            "Gemeindedaten": [
                ["Gemeindedaten der sozialversicherungspflichtig Beschäftigten nach Wohn- und Arbeitsort"],
                ["Stichtag 30. Juni 2023"],
                columns,
                [None, None, "Insgesamt", "Männer", None, None],
                [str(i) for i in range(1, 7)],
                *([f"0315700{i}", f"Ort {i}", 100 + i, 50, "*", i] for i in range(1, 9)),
                ["Quelle: Statistik der Bundesagentur für Arbeit"],
            ],
        },
    )
    _ods(folder / "a.ods", plain)


def _ods(path: Path, rows: list[list[Any]]) -> None:
    name = "urn:oasis:names:tc:opendocument:xmlns:"

    def cell(value: Any) -> str:
        kind = (
            'office:value-type="string"'
            if isinstance(value, str)
            else f'office:value-type="float" office:value="{value}"'
        )
        return f"<table:table-cell {kind}><text:p>{value}</text:p></table:table-cell>"

    body = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    mime = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", mime)
        archive.writestr(
            "META-INF/manifest.xml",
            f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{name}manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/></manifest:manifest>',
        )
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content xmlns:office="{name}office:1.0" '
            f'xmlns:table="{name}table:1.0" xmlns:text="{name}text:1.0"><office:body><office:spreadsheet>'
            f'<table:table table:name="T">{body}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )


def _maps(folder: Path) -> None:
    import geopandas as gpd
    import numpy as np
    import pandas as pd
    import rasterio
    import rasterio.shutil
    import shapely
    from affine import Affine

    from geodata import exchange
    from geodata.models import OBSERVATION_COLUMNS, AreaLayer, Observations, Source, Text

    areas = gpd.GeoDataFrame(
        {"AGS": [f"0315700{i}" for i in range(6)], "GF": 4, "GEN": "Ort"},
        geometry=[shapely.box(600_000 + i, 5_790_000, 600_001 + i, 5_790_001) for i in range(6)],
        crs="EPSG:25832",
    )
    areas.to_file(folder / "a.gpkg")
    areas.to_file(folder / "a.fgb", driver="FlatGeobuf")
    areas.to_file(folder / "a.shp")
    areas.to_crs(4326).to_file(folder / "a.geojson", driver="GeoJSON")
    areas.to_parquet(folder / "geo.parquet")
    middle = {"x": [4334500.0, 4335500], "y": [3250500.0, 3250500]}
    pd.DataFrame({**middle, "INSGESAMT_0": [3.0, -1]}).to_parquet(folder / "grid.parquet")
    pd.DataFrame(
        {
            "var": ["INSGESAMT_0"] * 2,
            "x": [4334550, 4334650],
            "y": [3250550, 3250550],
            "value": [3, 4],
            "quality": [0, 1],
        }
    ).to_parquet(folder / "long.parquet")
    pd.DataFrame({"AGS": ["03157001", "03157002"], "Jahr": [2022, 2022], "n": [1.5, None]}).to_parquet(
        folder / "table.parquet"
    )
    profile = {"width": 40, "height": 30, "count": 1, "dtype": "float32", "nodata": -9999, "crs": "EPSG:3035"}
    place = Affine(100, 0, 4.3e6, 0, -100, 3.2e6)
    with rasterio.open(folder / "a.tif", "w", driver="GTiff", transform=place, compress="deflate", **profile) as out:
        out.write(np.arange(1200, dtype="float32").reshape(30, 40), 1)
    rasterio.shutil.copy(folder / "a.tif", folder / "cog.tif", driver="COG", blocksize=128)
    layer = AreaLayer("gemeinde", areas.assign(name="a", context=False).set_index("AGS"), Text("a", "b"))
    table = pd.DataFrame(
        [(key, 2022, "x", 1.5, "observed", "counted", 1) for key in layer.areas.index],
        columns=list(OBSERVATION_COLUMNS),
    )
    figures = Observations(table, {"x": "Anzahl"}, Source("a", "b", "c", "d", "e"))
    for ending in ("csv", "parquet", "gpkg"):
        exchange.write_observations(folder / f"figures.{ending}", figures)
    for ending in ("parquet", "gpkg"):
        exchange.write_layer(folder / f"areas.{ending}", layer, figures)


def _supply(path: Path) -> None:
    import openpyxl

    from geodata.county import load_county
    from geodata.sample import write_county
    from geodata.supply.request import build_request
    from geodata.supply.sheets import COVER
    from geodata.supply.template import FIRST, FIRST_QUESTION, QUESTIONS, write_template

    with tempfile.TemporaryDirectory() as name:
        write_county(Path(name) / "tiny", size="tiny", with_truth=False)
        request = build_request(load_county(Path(name) / "tiny"), "jobcenter", (2025,), today=dt.date(2026, 1, 15))
    write_template(request, path)
    book = openpyxl.load_workbook(path)
    for row, (_, answers) in enumerate(QUESTIONS, start=FIRST_QUESTION):
        book[COVER][f"B{row}"] = answers[0]
    for form in request.forms:
        for row in range(FIRST, FIRST + len(form.areas)):
            for column in range(4, 4 + len(form.columns)):
                book[form.sheet].cell(row, column).value = 100 * row + column
    book.save(path)

"""Figures as offices deliver them: GENESIS flat files per Gemeinde, workbooks and a CSV per Ortsteil."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from geodata.sample.formats import comma, write_csv, write_genesis, write_workbook
from geodata.sample.geography import COUNTY_KEY, Floats, Ints, Land, Plan
from geodata.sample.settlement import Settlement
from geodata.sample.truth import Truth, populations

Dimension = tuple[str, str, str, str]
Row = tuple[str, Sequence[Dimension], str, tuple[str, str, str], str]

#: What a figure is for women, men and both, in the words of GENESIS.
SEX: dict[str, Dimension] = {
    "": ("GES", "Geschlecht", "", "Insgesamt"),
    "_w": ("GES", "Geschlecht", "GESW", "weiblich"),
    "_m": ("GES", "Geschlecht", "GESM", "männlich"),
}
CARE_YEARS = (2019, 2021, 2023)


def write_genesis_tables(
    folder: Path, land: Land, people: Settlement, truth: Truth, plan: Plan, rng: np.random.Generator
) -> None:
    """Write what is only known per Gemeinde; figures of the county are sums of its Ortsteile.

    Parameters
    ----------
    folder : pathlib.Path
        Gets four flat files.
    land, people, truth, plan : Land, Settlement, Truth, Plan
        The county.
    rng : numpy.random.Generator
        Invents the neighbours, which have no Ortsteile.
    """
    group = populations(people)
    own = {name: _sums(values, land) for name, values in (group | truth.counts).items()}
    own["einkommen"] = _sums(truth.income, land)
    factor = rng.uniform(0.3, 1.8, len(land.neighbours))
    figures = {}
    for name, values in own.items():
        mean = values[1:].mean(axis=0)
        noise = rng.normal(1.0, 0.02, (len(factor), 1))
        figures[name] = np.vstack([values, np.rint(factor[:, None] * noise * mean[None, :]).astype(np.int64)])
    # Invented totals must still be the sum of their parts.
    for name in ("arbeitslose", "beschaeftigte", "teilzeit", "von_15_bis_64"):
        figures[name] = figures[f"{name}_w"] + figures[f"{name}_m"]
    regions = [
        *(("GEMEIN", "Gemeinden", k, n) for k, n in zip(land.gemeinde_keys, land.gemeinde_names, strict=True)),
        *(("GEMEIN", "Gemeinden", k, n) for k, n in zip(land.neighbour_keys, land.neighbour_names, strict=True)),
    ]
    county = ("KREISE", "Kreise und kreisfreie Städte", COUNTY_KEY, "Musterkreis, Landkreis")
    number = len(land.gemeinden)

    write_genesis(
        folder / "12411-02-03-5_bevoelkerung_flat.csv",
        statistic=("12411", "Fortschreibung des Bevölkerungsstandes"),
        time=("STAG", "Stichtag"),
        rows=_population(figures, regions, county, number, plan),
    )
    write_genesis(
        folder / "13111-02-03-5_beschaeftigte_wohnort_flat.csv",
        statistic=("13111", "Statistik der sozialversicherungspflichtig Beschäftigten"),
        time=("STAG", "Stichtag"),
        rows=_employees(figures, regions, number, plan),
    )
    write_genesis(
        folder / "22411-02-01-5_pflege_flat.csv",
        statistic=("22411", "Pflegestatistik"),
        time=("STAG", "Stichtag"),
        rows=_care(figures, regions, number, plan),
        quality=True,
    )
    write_genesis(
        folder / "73111-01-01-5_einkommen_flat.csv",
        statistic=("73111", "Lohn- und Einkommensteuerstatistik"),
        time=("JAHR", "Jahr"),
        rows=_income(figures, regions, plan),
    )


def _sums(values: Ints | Floats, land: Land) -> Ints:
    """Add Ortsteile up to Gemeinden."""
    return np.array([values[land.gemeinde_of == g].sum(axis=0) for g in range(len(land.gemeinden))], dtype=np.int64)


def _count(value: int) -> str:
    """Write a count; the sign of an exact zero is a dash."""
    return str(value) if value else "-"


def _population(
    figures: dict[str, Ints], regions: Sequence[Dimension], county: Dimension, number: int, plan: Plan
) -> Iterator[Row]:
    unit = ("Anzahl", "BEVSTD", "Bevölkerungsstand")
    ages = {
        "einwohner": ("ALT003", "Altersgruppen", "", "Insgesamt"),
        "von_15_bis_64": ("ALT003", "Altersgruppen", "ALT015B65", "15 bis unter 65 Jahre"),
        "ab_65": ("ALT003", "Altersgruppen", "ALT065UM", "65 Jahre und mehr"),
        "erwachsene": ("ALT003", "Altersgruppen", "ALT018UM", "18 Jahre und mehr"),
    }
    for t, year in enumerate(plan.years):
        for name, age in ages.items():
            for suffix, sex in SEX.items():
                values = figures.get(name + suffix)
                if values is None:  # by sex only for the working age
                    continue
                when = f"{year}-12-31"
                yield when, (county, sex, age), _count(int(values[:number, t].sum())), unit, ""
                for region, value in zip(regions, values[:, t].tolist(), strict=True):
                    yield when, (region, sex, age), _count(value), unit, ""


def _employees(figures: dict[str, Ints], regions: Sequence[Dimension], number: int, plan: Plan) -> Iterator[Row]:
    unit = ("Anzahl", "ERW033", "Sozialversicherungspfl. Beschäftigte (Wohnort)")
    hours = ("BESUMF", "Beschäftigungsumfang")
    last = number - 1
    for t, year in enumerate(plan.years):
        for suffix, sex in SEX.items():
            all_, part = figures[f"beschaeftigte{suffix}"][:, t], figures[f"teilzeit{suffix}"][:, t]
            for g, region in enumerate(regions):
                # In the first year part-time work of the smallest Gemeinde is secret; one sector has nobody at all.
                secret = t == 0 and g == last
                for code, label, value in (
                    ("", "Insgesamt", _count(int(all_[g]))),
                    ("BESVZ", "Vollzeit", "." if secret else _count(int(all_[g] - part[g]))),
                    ("BESTZ", "Teilzeit", "." if secret else _count(int(part[g]))),
                    ("BESKA", "keine Angabe", "-"),
                ):
                    yield f"{year}-06-30", (region, sex, (*hours, code, label)), value, unit, ""


def _care(figures: dict[str, Ints], regions: Sequence[Dimension], number: int, plan: Plan) -> Iterator[Row]:
    years = [(t, year) for t, year in enumerate(plan.years) if year in CARE_YEARS]
    for t, year in years:
        mark = "p" if year == years[-1][1] else "e"
        for g, region in enumerate(regions):
            care, old = int(figures["pflege"][g, t]), int(figures["ab_65"][g, t])
            when = f"{year}-12-15"
            yield when, (region,), _count(care), ("Anzahl", "PFLEG1", "Pflegebedürftige"), mark
            home = "/" if g == number - 1 else comma(100 * care / old)
            yield when, (region,), home, ("Prozent", "PFLEG2", "Pflegebedürftige je 100 Personen ab 65 Jahren"), ""
            yield when, (region,), "x", ("Anzahl", "PFLEG3", "Pflegebedürftige in der Kurzzeitpflege"), ""


def _income(figures: dict[str, Ints], regions: Sequence[Dimension], plan: Plan) -> Iterator[Row]:
    for t, year in enumerate(plan.years):
        late = year == plan.years[-1]
        for g, region in enumerate(regions):
            payers, income = int(figures["steuerpflichtige"][g, t]), int(figures["einkommen"][g, t])
            yield (
                str(year), (region,), "..." if late else _count(payers),
                ("Anzahl", "STEU01", "Lohn- und Einkommensteuerpflichtige"), "",
            )  # fmt: skip
            yield (
                str(year), (region,), "..." if late else _count(income),
                ("1000 EUR", "EINK01", "Gesamtbetrag der Einkünfte"), "",
            )  # fmt: skip


def write_office_tables(folder: Path, land: Land, people: Settlement, truth: Truth, plan: Plan) -> None:
    """Write the register tables per Ortsteil and year, each in the manner of its office.

    Parameters
    ----------
    folder : pathlib.Path
        Gets four workbooks and a CSV.
    land, people, truth, plan : Land, Settlement, Truth, Plan
        The county.
    """
    group, count = populations(people), truth.counts
    where = [(t, year, o) for t, year in enumerate(plan.years) for o in range(len(land.ortsteile))]
    keys, names = land.ortsteil_keys, land.ortsteil_names
    lead = ("Ortsteilschlüssel", "Ortsteil", "Jahr")

    def rows(*columns: Ints) -> Iterator[list[str | int | None]]:
        for t, year, o in where:
            yield [keys[o], names[o], year, *(int(column[o, t]) for column in columns)]

    write_workbook(
        folder / "einwohner.xlsx",
        "Einwohner",
        (
            *lead, "Einwohner insgesamt", "unter 15 Jahre", "6 bis unter 18 Jahre", "15 bis unter 65 Jahre",
            "15 bis unter 65 Jahre weiblich", "15 bis unter 65 Jahre männlich", "unter 65 Jahre", "65 Jahre und älter",
            "nicht deutsche Staatsangehörigkeit",
        ),
        rows(
            group["einwohner"], group["unter_15"], group["von_6_bis_17"], group["von_15_bis_64"],
            group["von_15_bis_64_w"], group["von_15_bis_64_m"], group["unter_65"], group["ab_65"],
            count["nichtdeutsch"],
        ),
        above=("Musterkreis, Fachdienst Ordnung", "Einwohner mit Hauptwohnung am 31. Dezember (erfundene Zahlen)", ""),
        below=("", "Quelle: Melderegister des Musterkreises. Alle Zahlen sind erfunden."),
    )  # fmt: skip
    write_workbook(
        folder / "arbeitslose.xlsx",
        "Bestand Dezember",
        (*lead, "Arbeitslose", "weiblich", "männlich"),
        (
            [keys[o], names[o], year, *_starred(int(count["arbeitslose_w"][o, t]), int(count["arbeitslose_m"][o, t]))]
            for t, year, o in where
        ),
    )
    # One Ortsteil of the last Gemeinde did not deliver in the first year: a blank is no zero.
    silent = int(np.flatnonzero(land.gemeinde_of == len(land.gemeinden) - 1)[-1])
    write_workbook(
        folder / "mindestsicherung.xlsx",
        "Leistungen",
        (*lead, "Leistungsberechtigte SGB II", "darunter unter 15 Jahre", "Grundsicherung im Alter (SGB XII)"),
        (
            [*row[:3], None, None, None] if row[0] == keys[silent] and row[2] == plan.years[0] else row
            for row in rows(count["sgb2"], count["sgb2_kinder"], count["grundsicherung_65"])
        ),
    )
    write_workbook(
        folder / "vorsorge.xlsx",
        "Vorsorge",
        (*lead, "Kinder unter 15 Jahren", "ohne vollständige Vorsorge"),
        rows(group["unter_15"], count["vorsorge_luecke"]),
    )
    write_csv(
        folder / "lernmittel.csv",
        (*lead, "Kinder und Jugendliche 6 bis 17 Jahre", "Lernmittelbefreiungen", "Anteil in Prozent"),
        (
            [keys[o], names[o], str(year), str(pupils), str(free), comma(100 * free / pupils, 2) if pupils else ""]
            for t, year, o in where
            for pupils, free in [(int(group["von_6_bis_17"][o, t]), int(count["lernmittel"][o, t]))]
        ),
    )


def _starred(women: int, men: int) -> list[str | int]:
    """Write unemployed as the Bundesagentur does: 1 and 2 are secret, and so is the other sex beside the total."""
    both = women + men
    if both in (1, 2):
        return ["*", "*", "*"]
    if women in (1, 2) or men in (1, 2):
        return [both, "*", "*"]
    return [both, women, men]

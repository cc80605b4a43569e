"""The calendar and its receipts."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from geodata.county import County, load_county
from geodata.county_schema import DepartmentSection
from geodata.errors import ConfigError, FormatError
from geodata.supply.calendar import Delivery, State, deliveries
from geodata.supply.check import Result
from geodata.supply.receipt import Receipt, read_receipts, receipt_document, receipt_text, renewed, write_receipt
from geodata.supply.request import build_request
from geodata.supply.workbook import Remark


@pytest.fixture(scope="module")
def county(tiny_county: Path) -> County:
    return load_county(tiny_county)


def only(county: County, **changes: object) -> County:
    section = DepartmentSection.model_validate(
        {
            "id": "amt", "name": "Amt", "contact": "Postfach Statistik", "delivers": ("mindestsicherung",),
            "due": "03-31", "since": 2023, **changes,
        }
    )  # fmt: skip
    return replace(county, departments=MappingProxyType({"amt": section}))


def receipt(
    day: str, *, accepted: bool = True, period: int = 2023, tables: tuple[str, ...] = ("mindestsicherung",)
) -> Receipt:
    when = dt.datetime.fromisoformat(f"{day}T12:00+00:00")
    came = when if accepted else None
    return Receipt("musterkreis", "amt", (period,), tables, accepted, when, "0" * 64, arrived=came, taken=came)


def states(county: County, today: str, *receipts: Receipt) -> list[tuple[int, str, State]]:
    found = deliveries(county, receipts, today=dt.date.fromisoformat(today))
    return [(each.period, each.due.isoformat(), each.state) for each in found]


def test_a_day_is_late_only_after_it(county: County) -> None:
    amt = only(county)
    later, due, late = State.LATER, State.DUE, State.LATE
    assert states(amt, "2023-06-01") == [(2023, "2024-03-31", later)]
    assert states(amt, "2023-12-31") == [(2023, "2024-03-31", later)]
    assert states(amt, "2024-01-01") == [(2023, "2024-03-31", due)]  # ninety days before
    assert states(amt, "2024-03-31") == [(2023, "2024-03-31", due)]
    assert states(amt, "2024-04-01") == [(2023, "2024-03-31", late), (2024, "2025-03-31", later)]
    assert states(amt, "2025-04-01") == [
        (2023, "2024-03-31", late), (2024, "2025-03-31", late), (2025, "2026-03-31", later)
    ]  # fmt: skip


def test_two_years_and_the_lag(county: County) -> None:
    amt = only(county, cycle="two-yearly", due="12-15", lag=0)
    assert states(amt, "2026-01-10") == [
        (2023, "2023-12-15", State.LATE), (2025, "2025-12-15", State.LATE), (2027, "2027-12-15", State.LATER)
    ]  # fmt: skip
    assert states(only(county, lag=2), "2025-01-15") == [(2023, "2025-03-31", State.DUE)]


def test_what_came_is_done_from_the_day_it_was_accepted(county: County) -> None:
    amt = only(county)
    came = receipt("2024-04-20")
    assert states(amt, "2024-04-19", came)[0][2] is State.LATE
    assert states(amt, "2024-04-20", came)[0][2] is State.DONE
    (first, *_) = deliveries(amt, [came], today=dt.date(2024, 5, 1))
    assert first.received == dt.date(2024, 4, 20)
    assert states(amt, "2024-02-01", receipt("2024-01-15")) == [
        (2023, "2024-03-31", State.DONE), (2024, "2025-03-31", State.LATER)
    ]  # fmt: skip


def test_a_rejected_file_is_no_delivery(county: County) -> None:
    amt = only(county)

    def first(*receipts: Receipt) -> Delivery:
        return deliveries(amt, receipts, today=dt.date(2024, 5, 1))[0]

    bad = receipt("2024-03-01", accepted=False)
    assert first(bad).state is State.LATE
    assert first(bad).rejected
    assert first(bad, receipt("2024-03-02")).state is State.DONE
    assert not first(bad, receipt("2024-03-02")).rejected
    # A worse second file does not undo the first, but it is said.
    again = first(receipt("2024-02-28"), bad)
    assert (again.state, again.rejected) == (State.DONE, dt.date(2024, 3, 1))
    assert first(replace(receipt("2024-03-01"), county="anderswo")).state is State.LATE
    assert first(receipt("2024-03-01", period=2022)).state is State.LATE


def test_what_was_checked_and_not_taken_over_is_neither_late_nor_done(county: County) -> None:
    amt = only(county)
    checked = replace(receipt("2024-03-20"), taken=None)
    (first, *_) = deliveries(amt, [checked], today=dt.date(2024, 5, 1))
    assert (first.state, first.received, first.missing) == (State.CHECKED, dt.date(2024, 3, 20), ("mindestsicherung",))
    taken = replace(checked, taken=dt.datetime(2024, 4, 25, tzinfo=dt.UTC))
    # Taken over late, but it came in time.
    (first, *_) = deliveries(amt, [taken], today=dt.date(2024, 5, 1))
    assert (first.state, first.received) == (State.DONE, dt.date(2024, 3, 20))
    assert states(amt, "2024-04-24", taken)[0][2] is State.LATE
    back = replace(taken, withdrawn=dt.datetime(2024, 4, 28, tzinfo=dt.UTC))
    (first, *_) = deliveries(amt, [back], today=dt.date(2024, 5, 1))
    assert (first.state, first.withdrawn) == (State.LATE, dt.date(2024, 4, 28))
    assert states(amt, "2024-04-27", back)[0][2] is State.DONE
    # A correction in May does not make the delivery of March late.
    both = [taken, replace(receipt("2024-05-20"), sha256="1" * 64)]
    (first, *_) = deliveries(amt, both, today=dt.date(2024, 6, 1))
    assert (first.state, first.received) == (State.DONE, dt.date(2024, 3, 20))


def test_every_table_must_come(county: County) -> None:
    amt = only(county, delivers=("mindestsicherung", "vorsorge_luecke"))
    found = deliveries(amt, [receipt("2024-03-01")], today=dt.date(2024, 5, 1))[0]
    assert (found.state, found.missing) == (State.LATE, ("vorsorge",))
    both = [receipt("2024-03-01"), receipt("2024-03-09", tables=("vorsorge",))]
    found = deliveries(amt, both, today=dt.date(2024, 5, 1))[0]
    assert (found.state, found.received) == (State.DONE, dt.date(2024, 3, 9))


def test_receipts_are_written_twice_and_read_back(county: County, tmp_path: Path) -> None:
    request = build_request(county, "jobcenter", (2025,), today=dt.date(2026, 1, 1))
    result = Result("a.xlsx", "ab" * 32, 12, request, (Remark("Blatt 'X', Zelle D7", "ist leer", "Füllen"),))
    result.cells["mindestsicherung", 2025] = (108, 5)
    now = dt.datetime(2026, 2, 3, 10, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    document = renewed(receipt_document(result, now=now, version="9.9"), tmp_path / "quittungen")
    written, text = write_receipt(document, tmp_path / "quittungen")
    assert written.name == "jobcenter_2025_abababababab.quittung.json"
    assert json.loads(written.read_text(encoding="utf-8")) == document
    assert "Blatt 'X', Zelle D7: ist leer. Füllen" in text.read_text(encoding="utf-8")
    assert "03.02.2026 10:00" in receipt_text(document)
    assert list(read_receipts(tmp_path / "quittungen")) == [
        Receipt(
            "musterkreis",
            "jobcenter",
            (2025,),
            ("mindestsicherung",),
            False,
            now,
            "ab" * 32,
            template=request.template,
            cells={("mindestsicherung", 2025): (108, 5)},
        )
    ]
    assert sorted(p.name for p in (tmp_path / "quittungen").iterdir()) == [written.name, text.name]
    assert list(read_receipts(tmp_path / "nowhere")) == []


def test_a_receipt_of_no_template_has_a_safe_name(tmp_path: Path) -> None:
    document = receipt_document(
        Result("x", "cd" * 32, 1, None, ()), now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), version="1"
    )
    path, _ = write_receipt(document, tmp_path)
    assert path.name.startswith("unbekannt_ohne_")
    document["who"] = {"department": "../../etc/passwd", "county": "x", "name": "", "contact": "", "released_by": None}
    path, _ = write_receipt(document, tmp_path)
    assert path.parent == tmp_path
    assert path.name.startswith("etcpasswd_")


def test_a_broken_receipt_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.quittung.json").write_text('{"kind": "else"}', encoding="utf-8")
    with pytest.raises(FormatError, match="keine Quittung"):
        list(read_receipts(tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('due = "03-31"|due = "02-29"', "a day that every year has"),
        ('due = "03-31"|due = "31.03."', "departments.jobcenter.due"),
        ('contact = "Controlling Leistungsrecht"|contact = "Frau Zwackelmann"', "name of a person"),
        ('delivers = ["mindestsicherung"]|delivers = ["sozialhilfe"]', "unknown table or variable 'sozialhilfe'"),
        ('delivers = ["mindestsicherung"]|delivers = ["gemeinde_pflege"]', 'expected a table of format "table"'),
        ('delivers = ["mindestsicherung"]|delivers = ["mindestsicherung", "einwohner"]', "delivered by one department"),
        ('id = "jobcenter"\nname|id = "schule"\nname', "departments: expected ids once each"),
    ],
)
def test_departments_are_checked(tiny_county: Path, tmp_path: Path, change: str, said: str) -> None:
    old, _, new = change.partition("|")
    text = (tiny_county / "county.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "county.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as stop:
        load_county(tmp_path, data=tiny_county)
    assert said in str(stop.value)


def test_a_county_can_ask_before_anything_was_delivered(tiny_county: Path, tmp_path: Path) -> None:
    (tmp_path / "county.toml").write_bytes((tiny_county / "county.toml").read_bytes())
    assert "jobcenter" in load_county(tmp_path, require_files=False).departments

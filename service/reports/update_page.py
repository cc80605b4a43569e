"""The page of ``sozialmonitor update``: what a run would change, for the desk of whoever decides about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from service.locale import Language
from service.reports.page import render


def plain(value: Any) -> str:
    """Write a value of ``county.toml`` the way a person would: a dash for nothing, words for yes and no."""
    if value is None or value in ("", [], {}):
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def render_update(report: Any, language: Language, *, levels: Mapping[str, str]) -> str:
    """Return the page of a comparison.

    Parameters
    ----------
    report : UpdateReport
        Of ``service.workflows.update.compare_with_current``.
    language : {"de", "en"}
        Of the page.
    levels : mapping of str to str
        Level id → what it is called.

    Returns
    -------
    str
        HTML that opens from disk; it holds unsuppressed values and says so.
    """
    counts = [
        ("definitions", len(report.definitions)),
        ("area_changes", len(report.areas)),
        ("revised", len(report.revised)),
        ("new", len(report.new)),
        ("gone", len(report.gone)),
        ("suppression", len(report.suppression)),
    ]
    return render("update.html", language, report=report, counts=counts, levels=levels, plain=plain)

"""The page of ``sozialmonitor update``: what a run would change, for the desk of whoever decides about it."""

from __future__ import annotations

from typing import Any

from service.locale import Language
from service.reports.page import render
from service.reports.update_view import lead, sections

#: Names in one cell; the CSV file has all.
NAMES = 40


def render_update(report: Any, language: Language) -> str:
    """Return the page of a comparison.

    Parameters
    ----------
    report : UpdateReport
        Of ``service.workflows.update.compare_with_current``.
    language : {"de", "en"}
        Of the page.

    Returns
    -------
    str
        HTML that opens from disk; it holds unsuppressed values and says so.
    """
    return render(
        "update.html",
        language,
        report=report,
        lead=lead(report, language)[1:],
        sections=sections(report, language, names=NAMES),
    )

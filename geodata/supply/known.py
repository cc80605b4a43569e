"""The sheet of a template that shows what was known before, so that a slip is seen while the figures are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geodata.supply.request import Request

if TYPE_CHECKING:
    from geodata.supply.template import Values


def write_known(page: Any, request: Request, known: Values) -> None:
    """Write the last figures before the first year asked for, and those of the years themselves where there are some.

    Parameters
    ----------
    page : openpyxl.worksheet.worksheet.Worksheet
        An empty sheet.
    request : Request
        What is asked for.
    known : mapping of (str, str) to mapping of int to float
        Variable and area → year → figure.
    """
    from geodata.supply.template import paper, styles

    style = styles()
    for column, wide in zip("ABCDEF", (18, 22, 28, 44, 9, 14), strict=True):
        page.column_dimensions[column].width = wide
    page["A1"] = "Zuletzt bekannte Werte, zum Vergleich"
    page["A1"].font = style["title"]
    page["A2"] = "Dieses Blatt wird nicht eingelesen. Was hier falsch ist, bitte auf dem Blatt der Zahlen neu liefern."
    page["A2"].font = style["small"]
    for number, heading in enumerate(("Blatt", "Schlüssel", "Gebiet", "Spalte", "Jahr", "Wert"), start=1):
        cell = page.cell(4, number, heading)
        cell.font, cell.fill, cell.border = style["bold"], style["head"], style["box"]
    row = 5
    for form in request.forms:
        for key, name in form.areas:
            for each in form.columns:
                series = known.get((each.variable, key), {})
                before = max((year for year in series if year < request.periods[0]), default=None)
                for year in sorted(y for y in series if y in request.periods or y == before):
                    for number, value in enumerate((form.sheet, key, name, each.heading, year), start=1):
                        cell = page.cell(row, number, value)
                        if number < 5:
                            cell.data_type, cell.number_format = "s", "@"
                    figure = series[year]
                    page.cell(row, 6, int(figure) if figure.is_integer() else figure)
                    row += 1
    page.freeze_panes = "A5"
    page.print_title_rows = "4:4"
    paper(page, request)

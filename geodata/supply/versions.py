"""In what two requests differ, for people: what changed in the county while a template was out."""

from __future__ import annotations

from geodata.supply.request import Request


def difference(found: Request, expected: Request) -> str:
    """Say in what two requests differ.

    Parameters
    ----------
    found, expected : Request
        What a returned file was asked for, and what would be asked now.
    """
    if found.county != expected.county:
        return f"sie gehört zu {found.county_title}"
    if found.periods != expected.periods:
        return "andere Zeiträume"
    said = []
    theirs = {form.table: form for form in found.forms}
    for form in expected.forms:
        old = theirs.pop(form.table, None)
        if old is None:
            said.append(f"die Tabelle {form.table} ist neu")
        elif old.areas != form.areas:
            gone, new = set(old.areas) - set(form.areas), set(form.areas) - set(old.areas)
            said.append(f"Gebiete von {form.sheet!r} geändert ({len(gone)} entfallen, {len(new)} neu)")
        elif old.headings != form.headings:
            said.append(f"Spalten von {form.sheet!r} geändert")
        elif old != form:
            said.append(f"Definitionen von {form.sheet!r} geändert")
    said += [f"die Tabelle {table} entfällt" for table in theirs]
    return "; ".join(said) or "ein anderer Fachdienst"

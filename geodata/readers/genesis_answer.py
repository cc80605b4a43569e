"""JSON answers of the GENESIS databases: an error, a job that was started, or the description of a table.

Every answer carries ``Status.Code`` (0 done, 22 done with adjusted parameters, 98 table too large, 99 job created, 104
no object) and ``Ident.Service``; what the service ``metadata`` says about a table is no figure, but worth reading.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geodata.errors import NoDataError
from geodata.readers import text

#: What to do about a code.
HINTS = {
    98: "the table is too large for the dialogue: request it with job=true and fetch the result with resultfile, "
    "or ask for fewer years and regions",
    99: "a job was started, the table is not here yet: wait, then fetch it with resultfile under the name above",
    104: "no object of that name or selection: check the table's name, years and regional key",
}
_FAILED = re.compile(r"fehler|error", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a database answered.

    Attributes
    ----------
    service, method : str
        What was asked, for example ``metadata`` and ``table``.
    code : int or None
        ``Status.Code``.
    content : str
        ``Status.Content``, in the database's words.
    name : str
        The object that was asked for.
    body : Any
        ``Object`` or ``List``.
    """

    service: str
    method: str
    code: int | None
    content: str
    kind: str
    name: str
    body: Any

    @property
    def failed(self) -> bool:
        """It is an error or a job, and holds nothing."""
        return self.code not in (0, 22) or self.body is None or _FAILED.fullmatch(self.kind) is not None


def read_answer(path: Path) -> Answer | None:
    """Read a file as an answer; None where it is another JSON document, or none.

    Parameters
    ----------
    path : pathlib.Path
        A file that begins like JSON.

    Returns
    -------
    Answer or None
        Tables that stand inside an answer are tables, and none of this.

    Raises
    ------
    GeodataError
        The file cannot be decoded.
    """
    return parse_answer(text.decode(path).payload)


def parse_answer(payload: bytes) -> Answer | None:
    """Read a JSON text as an answer; see :func:`read_answer`."""
    if not payload.lstrip().startswith((b"{", b"[")):
        return None
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not (
        {"Status", "Ident"} & set(found) or {"Code", "Content", "Type"} <= set(found)
    ):
        return None
    status = found.get("Status", found)
    if not isinstance(status, Mapping):
        status = {"Content": status}
    ident = found.get("Ident")
    ident = ident if isinstance(ident, Mapping) else {}
    asked = found.get("Parameter")
    asked = asked if isinstance(asked, Mapping) else {}
    code = str(status.get("Code", "")).strip()
    return Answer(
        service=str(ident.get("Service") or ""),
        method=str(ident.get("Method") or ""),
        code=int(code) if re.fullmatch(r"-?\d{1,6}", code) else None,
        content=" ".join(str(status.get("Content") or "").split()),
        kind=str(status.get("Type") or "").strip(),
        name=str(asked.get("name") or ""),
        body=found.get("Object") or found.get("List"),
    )


def no_table(answer: Answer, path: Path) -> NoDataError:
    """Return the error to raise where figures were expected: what was answered, and what to do.

    Parameters
    ----------
    answer : Answer
        From :func:`read_answer`.
    path : pathlib.Path
        The file.

    Returns
    -------
    NoDataError
        To be raised by the caller.
    """
    asked = " ".join(part for part in (answer.service, answer.method, answer.name) if part)
    told = f"the answer {answer.code}" if answer.code is not None else "an answer"
    job = re.search(r"\b[\w-]+_\d{6,}\b", answer.content)
    if answer.code == 99 and job:
        hint = f"{HINTS[99]}: {job.group()}"
    elif answer.code in HINTS:
        hint = HINTS[answer.code]
    elif not answer.failed:
        hint = "this is the description of a table: request tablefile with format=ffcsv"
    else:
        hint = "read what the database says, mend the request and ask again (tablefile, format=ffcsv, language=de)"
    return NoDataError(
        f"expected a table, found {told} of a GENESIS database ({asked or 'no request named'}): {answer.content}",
        where=str(path),
        hint=hint,
    )


def describe_metadata(answer: Answer) -> list[str]:
    """Say what a metadata answer or a list of objects tells.

    Parameters
    ----------
    answer : Answer
        One that did not fail.

    Returns
    -------
    list of str
        Sentences; the first says that there are no figures here.
    """
    if isinstance(answer.body, list):
        found = [
            f"{item.get('Code', '?')} {' '.join(str(item.get('Content', '')).split())}".strip()
            for item in answer.body[:5]
            if isinstance(item, Mapping)
        ]
        return [f"a list of {len(answer.body)} objects of the database, no figures: {'; '.join(found)}"]
    body = answer.body if isinstance(answer.body, Mapping) else {}
    said = [
        f"metadata: the description of {answer.method or 'an object'} {body.get('Code', answer.name)}, no figures; "
        "request tablefile with format=ffcsv for these",
        " ".join(str(body.get("Content", "")).split()),
    ]
    time = body.get("Time")
    if isinstance(time, Mapping):
        said.append(f"time: {time.get('From', '?')} to {time.get('To', '?')}")
    structure = body.get("Structure")
    if isinstance(structure, Mapping):
        for part, word in (("Head", "statistic and values"), ("Columns", "columns"), ("Rows", "rows")):
            names = [f"{code} ({label})" for code, label in _objects(structure.get(part))]
            if names:
                said.append(f"{word}: {', '.join(names)}")
    if body.get("Updated"):
        said.append(f"updated {body['Updated']}")
    return [sentence for sentence in said if sentence]


def _objects(node: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Walk the nested structure of a table: code and label of every object, outermost first."""
    if depth > 12:
        return
    if isinstance(node, list):
        for item in node:
            yield from _objects(item, depth)
    elif isinstance(node, Mapping):
        if node.get("Code"):
            yield str(node["Code"]), " ".join(str(node.get("Content", "")).split())
        yield from _objects(node.get("Structure"), depth + 1)

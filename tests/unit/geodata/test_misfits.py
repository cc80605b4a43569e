"""What a description gets wrong, in the project's own words."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geodata.misfits import _EXPECTED, readable


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = "a"


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    part: Part = Part()
    words: dict[str, str] = {}
    items: tuple[str, ...] = ()
    share: float = Field(default=0.5, ge=0, lt=1)


CASES = {
    "part = 5": ({"part": 5}, "part: expected a section of keys, { key = … }, found the number 5"),
    "words = 'a'": ({"words": "a"}, "words: expected a section of keys, { key = … }, found 'a'"),
    "share = 2": ({"share": 2}, "share: expected a number below 1.0, found the number 2"),
    "share = -1": ({"share": -1.0}, "share: expected a number of 0.0 or more, found the number -1.0"),
    "nam": ({"part": {"nam": "b"}}, "part.nam: unknown key (perhaps 'name'?)"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said(case: str) -> None:
    raw, said = CASES[case]
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(raw)
    assert readable(caught.value, raw, keys=["name", "part"]) == said


@pytest.mark.parametrize("kind", _EXPECTED)
def test_every_expectation_can_be_written(kind: str) -> None:
    context = dict.fromkeys(("min_length", "max_length", "expected", "gt", "ge", "lt", "le"), 3)
    assert _EXPECTED[kind].format(**context).startswith("expected ")

"""The page with the naive and the honest map: static, in both languages, of the invented county only."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize(("language", "mark"), [("de", "absichtlich falsch"), ("en", "wrong on purpose")])
def test_the_page_names_the_wrong_map_and_shows_the_picture(client: TestClient, language: str, mark: str) -> None:
    answer = client.get(f"/honest?f=html&lang={language}")
    assert answer.status_code == 200
    assert mark in answer.text
    assert "Musterkreis" in answer.text
    [address] = re.findall(r'src="[^"]*(/static/honest_map\.[^"]*)"', answer.text)
    assert f".{language}.png" in address
    picture = client.get(address)
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


def test_its_numbers_come_as_json_and_the_home_page_leads_there(client: TestClient) -> None:
    found = client.get("/honest?f=json&lang=en").json()
    assert str(found["numbers"]["rates"]) in found["texts"]["why"]
    assert client.get("/honest?what=1").status_code == 400
    assert "/honest" in client.get("/?f=html").text

"""Settings, texts, addresses, negotiation: the small parts of the application."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request

from geodata.errors import ConfigError
from service.api.addresses import Addresses
from service.api.negotiation import MediaType, wants
from service.api.ogc.parameters import read_bbox, read_datetime, read_limit
from service.api.pages import thousands
from service.locale import say, texts
from service.settings import Settings, is_loopback

ROOT = Path(__file__).resolve().parents[3]


def request(query: str = "", accept: str | None = None) -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return Request({"type": "http", "query_string": query.encode(), "headers": headers})


# -- settings -----------------------------------------------------------------------------------------------------


def test_what_is_given_comes_before_the_environment() -> None:
    environment = {"SOZIALMONITOR_STATE": "/srv", "SOZIALMONITOR_COUNTY": "peine", "SOZIALMONITOR_PORT": "9000"}
    settings = Settings.build(environment, port=8001, host=None)
    assert (settings.state_dir, settings.county, settings.port, settings.host) == (
        Path("/srv"), "peine", 8001, "127.0.0.1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "SOZIALMONITOR_STATE"),
        ({"state_dir": "s", "county": "../etc"}, "county"),
        ({"state_dir": "s", "county": "p", "port": 70000}, "port"),
        ({"state_dir": "s", "county": "p", "edition": "secret"}, "edition"),
        ({"state_dir": "s", "county": "p", "colour": "red"}, "colour"),
        ({"state_dir": "s", "county": "p", "base_url": "monitor.example.org"}, "https://"),
        ({"state_dir": "s", "county": "p", "base_url": "https://a.example/?x=1"}, "https://"),
        ({"state_dir": "s", "county": "p", "basemap": "http://a.example/{z}/{x}/{y}.png"}, "https"),
        ({"state_dir": "s", "county": "p", "basemap": "https://a.example/tiles"}, "{z}"),
        ({"state_dir": "s", "county": "p", "basemap": "https://a.example/{z}/{x}/{y}"}, "basemap_attribution"),
        ({"state_dir": "s", "county": "p", "edition": "internal", "host": "0.0.0.0"}, "loopback"),
        ({"state_dir": "s", "county": "p", "edition": "internal", "host": "::"}, "loopback"),
        ({"state_dir": "s", "county": "p", "edition": "internal", "host": "monitor.example.org"}, "loopback"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        Settings.build({}, **given)
    assert message in str(error.value)


def test_loopback() -> None:
    inside = ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]
    outside = ["0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example", "", "::ffff:10.0.0.1"]
    assert all(is_loopback(host) for host in inside)
    assert not any(is_loopback(host) for host in outside)


# -- texts --------------------------------------------------------------------------------------------------------


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_say_the_same_with_the_same_placeholders() -> None:
    german, english = texts("de"), texts("en")
    assert list(german) == list(english)
    for key, text in german.items():
        assert text.strip(), key
        assert english[key].strip(), key
        assert placeholders(text) == placeholders(english[key]), key


def test_every_text_that_is_used_exists_and_every_text_is_used() -> None:
    update = [*(ROOT / "service" / "reports").glob("update_*.py"), ROOT / "service" / "commands" / "update.py"]
    sources = [*(ROOT / "service" / "api").rglob("*.py"), *(ROOT / "service" / "web" / "templates").glob("*.html")]
    sources += update
    written = "\n".join(path.read_text(encoding="utf-8") for path in sources if path.name != "map.html")
    keys = set(texts("de"))
    named = set(
        re.findall(r"""(?:\bt|\bsay|self\.say|context\.say)\(\s*(?:\w+,\s*)?["']([a-z_]+\.[a-z_-]+)["']""", written)
    )
    # "page.kind_" ~ kind: what a name is made of at run time needs at least one text.
    made = {name for name in named if name.endswith("_")}
    assert named - made <= keys
    assert all(any(key.startswith(name) for key in keys) for name in made)
    raised = re.findall(
        r"""(?:BadRequest|UnknownResource|NoPublication|ForbiddenHost)Error\(\s*"([a-z_]+)\"""", written
    )
    assert {f"error.{name}" for name in raised} <= keys
    # What update says is named without its beginning: say(f"kind_{kind}").
    said = "\n".join(path.read_text(encoding="utf-8") for path in update)
    begun = re.findall(r"""f["'](?:update\.)?([a-z]+_)\{""", said)
    heads = {"status.", "lang.", "embed.", *made, *(f"update.{head}" for head in begun)}
    unused = {key for key in keys if key.split(".")[1] not in written and not key.startswith(tuple(heads))}
    assert not unused, sorted(unused)


def test_a_placeholder_without_value_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError):
        say("de", "error.collection")


# -- addresses ----------------------------------------------------------------------------------------------------


def test_addresses_escape_segments_and_keep_what_pages_carry_on() -> None:
    to = Addresses("https://a.example/x", {"lang": "en"}).to
    assert to("") == "https://a.example/x/?lang=en"
    assert to("collections", "a/b c", "items", limit=2, bbox=None, f="") == (
        "https://a.example/x/collections/a%2Fb%20c/items?lang=en&limit=2"
    )
    assert to("x", lang=None) == "https://a.example/x/x"
    assert to("x", name="Müller & Söhne") == "https://a.example/x/x?lang=en&name=M%C3%BCller%20%26%20S%C3%B6hne"


# -- negotiation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", None, "json"),
        ("", "*/*", "json"),
        ("", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),
        ("", "application/json;q=0.5, text/html;q=0.4", "json"),
        ("", "application/json;q=0.1, text/html;q=0.9", "html"),
        ("", "application/geo+json, application/json", "json"),
        ("", "text/html;q=0", "json"),
        ("", "text/html;q=broken", "json"),
        ("", "image/webp", "json"),
        ("f=html", "application/json", "html"),
        ("f=json", "text/html", "json"),
        ("f=xml", "text/html", "html"),
    ],
)
def test_representation(query: str, accept: str | None, expected: str) -> None:
    assert wants(request(query, accept)) == expected


def test_only_what_is_offered_is_chosen() -> None:
    offered = (MediaType.HTML, MediaType.GEOJSON, MediaType.PNG)
    assert wants(request("", "image/png"), offered) == MediaType.PNG
    assert wants(request("", "application/json"), offered) == MediaType.GEOJSON
    assert wants(request("f=svg", "*/*"), offered) == MediaType.HTML


# -- parameters ---------------------------------------------------------------------------------------------------


def test_limit_reads_whole_numbers_only() -> None:
    assert (read_limit(None), read_limit("1"), read_limit("5000"), read_limit("5001")) == (100, 1, 5000, 5000)
    for text in ("", "0", "-1", "1.0", "1e3", "٣", " 1", "+1", "9" * 40):
        with pytest.raises(Exception, match="limit"):
            read_limit(text)


def test_bbox_reads_four_or_six_numbers() -> None:
    assert read_bbox("10,52,11,53", "OGC:CRS84") == (10, 52, 11, 53)
    assert read_bbox("10,52,-5,11,53,5", "OGC:CRS84") == (10, 52, 11, 53)
    assert read_bbox("179,52,-179,53", "OGC:CRS84") == (179, 52, -179, 53), "across the antimeridian"
    assert read_bbox("600000,5790000,600001,5790001", "EPSG:25832") == (600000, 5790000, 600001, 5790001)
    for text in ("10,52,9,51", "10,52,11", "10,52,5,11,53,-5", "10;52;11;53", "190,52,191,53", "", "1,2,3,4,5,6,7"):
        with pytest.raises(Exception, match="bbox"):
            read_bbox(text, "OGC:CRS84")
    with pytest.raises(Exception, match="bbox"):
        read_bbox("600001,5790000,600000,5790001", "EPSG:25832")


def test_datetime_reads_years_of_instants_and_intervals() -> None:
    assert read_datetime(None) == (None, None)
    assert read_datetime("2020-06-30T12:00:00.5+02:00") == (2020, 2020)
    assert read_datetime("2016-12-31T23:59:60Z") == (2016, 2016), "a leap second"
    assert read_datetime("/..") == read_datetime("../") == (None, None)
    for text in ("2020-1-1", "2020-06-31", "2020-01-01T00:00:00", "2020-01-01 00:00:00Z", "..", "2020-01-01T00:00:61Z"):
        with pytest.raises(Exception, match="datetime"):
            read_datetime(text)


# -- numbers on pages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "german", "english"),
    [
        (None, "–", "–"),
        (True, "ja", "yes"),
        (2021, "2021", "2021"),
        (12345, "12.345", "12,345"),
        (12.3456, "12,35", "12.35"),
        (0.01234, "0,0123", "0.0123"),
        (1234.5, "1.234,5", "1,234.5"),
        (3.0, "3", "3"),
        ("Aue", "Aue", "Aue"),
    ],
)
def test_numbers_are_written_as_the_language_does(value: object, german: str, english: str) -> None:
    assert (thousands(value, "de"), thousands(value, "en")) == (german, english)

"""Map pages: Folium and Leaflet, without a single request to a third party.

Folium links Leaflet, jQuery, Bootstrap, icon fonts and more from four content delivery networks. The map is rendered
once by Folium, then the links in its header are looked up in the table of vendored files: Leaflet is kept, the rest is
dropped (nothing drawn here uses it), and a link nobody knows is refused. Popups, legend and hatches are drawn by
``map.js``; data reach it as JSON, so that the name of an area can never become markup or code.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from geodata.errors import ConfigError, SozialmonitorError
from service.cartography import legend as legends
from service.cartography import palettes
from service.cartography.content import MapContent, features_of, is_context
from service.cartography.popup import popup_rows
from service.cartography.shapes import MANY, letter_spots, plane, room
from service.cartography.swatches import key, pattern, swatch
from service.cartography.texts import TEXTS, date

WEB = Path(__file__).resolve().parent.parent / "web"
#: The folder that a service mounts under the prefix it hands to :func:`render_map`.
ASSETS = WEB / "assets"

#: Folium's names of header links → vendored file; None is dropped.
_VENDORED: Mapping[str, str | None] = {
    "leaflet": "leaflet/leaflet.js",
    "leaflet_css": "leaflet/leaflet.css",
    "jquery": None,
    "bootstrap": None,
    "awesome_markers": None,
    "bootstrap_css": None,
    "glyphicons_css": None,
    "awesome_markers_font_css": None,
    "awesome_markers_css": None,
    "awesome_rotate_css": None,
}


def render_map(
    content: MapContent,
    *,
    assets: str = "inline",
    nonce: str | None = None,
    basemap: Mapping[str, Any] | None = None,
) -> str:
    """Render a map page.

    Parameters
    ----------
    content : MapContent
        What is shown.
    assets : str, default "inline"
        ``"inline"`` puts scripts and styles into the page, for a file opened from disk; anything else is the prefix
        under which the application serves :data:`ASSETS`, for example ``"/assets"``.
    nonce : str, optional
        Put on every script and style tag, for the header of :func:`content_security_policy`. Without it the page
        carries a policy of its own, made of hashes, so that a file opened from disk asks nobody for anything either.
    basemap : mapping, optional
        Tiles that the operator chose: ``url``, ``attribution``, ``max_zoom``. Off by default.

    Returns
    -------
    str
        An HTML document; equal content gives equal text.

    Raises
    ------
    ConfigError
        The base map is incomplete or not https.
    FormatError
        The features are no polygons.

    Examples
    --------
    >>> page = render_map(content, assets="/assets", nonce="r4nd0m")  # doctest: +SKIP
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    legend = legends.build(content)
    language = content.language
    figure, map_name = _folium_map(content, basemap)
    files = _files_of(figure)
    script = figure.script.render() + (
        f'\nsozialmonitor.draw({map_name}, JSON.parse(document.getElementById("sm-data").textContent));'
    )
    styles = [_asset(path, assets, nonce) for path in (*files, "map.css") if path.endswith(".css")]
    scripts = [_asset(path, assets, nonce) for path in (*files, "map.js") if path.endswith(".js")]
    scripts.append(_inline("script", script, nonce))
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    sentences = list(content.describe)
    headline = content.headline or (sentences.pop(0) if sentences else "")
    return environment.get_template("map.html").render(
        content=content,
        legend=legend,
        rows=[{"entry": e, "swatch": Markup(swatch(e))} for e in legend.entries],
        key_modelled=Markup(key("#30363d", dashed=True)),
        key_context=Markup(key(palettes.CONTEXT_LINE, dashed=False)),
        marked=_marked(content, legend),
        headline=headline,
        sentences=sentences,
        patterns=Markup("".join(pattern(e) for e in legend.entries if e.hatch)),
        map_html=Markup(figure.html.render()),
        data=Markup(_safe_json(_data(content, legend, bool(basemap)))),
        sheets=[Markup(tag) for tag in styles],
        scripts=[Markup(tag) for tag in scripts],
        nonce_attr=_nonce(nonce),
        meta_csp=None if nonce else _policy_of(styles + scripts, assets, basemap),
        basemap_attribution=str(basemap["attribution"]) if basemap else "",
        boundary_date=date(content.boundary_date, language),
        t=lambda key: TEXTS[key][language],
    )


def content_security_policy(
    nonce: str, *, basemap: Mapping[str, Any] | None = None, frame_ancestors: str | None = None
) -> str:
    """Write the header under which a page of :func:`render_map` works.

    Parameters
    ----------
    nonce : str
        The one handed to :func:`render_map`, new for every response.
    basemap : mapping, optional
        The operator's tiles; their origin is the only foreign one.
    frame_ancestors : str, optional
        Who may embed the page; by default everybody. That is said by leaving it out: ``*`` would shut out a report
        that is opened from disk, because it stands for addresses of the network only.

    Returns
    -------
    str
        Value of ``Content-Security-Policy``.
    """
    ancestors = [f"frame-ancestors {frame_ancestors}"] if frame_ancestors is not None else []
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            f"style-src 'nonce-{nonce}'",
            f"img-src 'self' data:{_origin(basemap)}",
            "base-uri 'none'",
            "form-action 'none'",
            *ancestors,
        ]
    )


def _folium_map(content: MapContent, basemap: Mapping[str, Any] | None) -> tuple[Any, str]:
    """Let Folium write the map; its random ids are replaced by fixed ones, so that equal maps are equal texts."""
    import folium

    areas = sum(not is_context(f) for f in features_of(content.features))
    chart = folium.Map(
        location=(0.0, 0.0),
        tiles=None,
        prefer_canvas=areas >= MANY,
        zoom_control=False,
        attribution_control=False,
        zoom_snap=0.25,
        zoom_delta=0.5,
    )
    chart._id = "sozialmonitor"
    if basemap is not None:
        _check(basemap)
        tiles = folium.TileLayer(
            tiles=basemap["url"],
            attr=html.escape(str(basemap["attribution"])),
            max_zoom=int(basemap.get("max_zoom", 18)),
        )
        tiles._id = "basemap"
        chart.add_child(tiles)
    chart.render()
    return chart.get_root(), chart.get_name()


def _files_of(figure: Any) -> list[str]:
    """Look up what Folium links; nothing that is not vendored may stay in the page."""
    from branca.element import CssLink, JavascriptLink

    files = []
    for name, child in figure.header._children.items():
        if isinstance(child, (CssLink, JavascriptLink)):
            if name not in _VENDORED:
                raise SozialmonitorError(
                    f"Folium links {name!r} ({child.url}), which is not vendored",
                    where="map page",
                    hint="add the file to service/web/assets, or drop what needs it",
                )
            path = _VENDORED[name]
            if path is not None:
                files.append(path)
    return files


def _check(basemap: Mapping[str, Any]) -> None:
    missing = {"url", "attribution"} - set(basemap)
    if missing:
        raise ConfigError(f"a base map needs {', '.join(sorted(missing))}", where="basemap")
    url = str(basemap["url"])
    own = url.startswith("/") and not url.startswith("//")
    if not (own or urlsplit(url).scheme == "https") or re.search(r"[\s\"';<>]", url):
        raise ConfigError(f"expected an https address, found {url!r}", where="basemap")


def _origin(basemap: Mapping[str, Any] | None) -> str:
    """Origin of the tiles, for ``img-src``; subdomains of a ``{s}`` address become a wildcard."""
    if basemap is None:
        return ""
    _check(basemap)
    parts = urlsplit(str(basemap["url"]))
    return f" {parts.scheme}://{parts.netloc.replace('{s}', '*')}" if parts.netloc else ""


def _policy_of(tags: Sequence[str], assets: str, basemap: Mapping[str, Any] | None) -> str:
    """Policy of a page without nonce: what is inside the page, by hash, and the own files."""
    own = "" if assets == "inline" else " 'self'"

    def hashes(tag: str) -> str:
        found = [re.fullmatch(rf"<{tag}>(.*)</{tag}>", text, re.DOTALL) for text in tags]
        digests = [hashlib.sha256(m[1].encode()).digest() for m in found if m]
        return "".join(f" 'sha256-{base64.b64encode(d).decode()}'" for d in digests)

    return (
        f"default-src 'none'; script-src{own}{hashes('script')}; style-src{own}{hashes('style')}; "
        f"img-src 'self' data:{_origin(basemap)}; base-uri 'none'; form-action 'none'"
    )


def _nonce(nonce: str | None) -> Any:
    from markupsafe import Markup

    if nonce is None:
        return Markup()
    return Markup(' nonce="{}"').format(nonce)


def _inline(tag: str, text: str, nonce: str | None) -> str:
    return f"<{tag}{_nonce(nonce)}>{text}</{tag}>"


def _asset(path: str, assets: str, nonce: str | None) -> str:
    tag = "style" if path.endswith(".css") else "script"
    text, version = _read(path)
    if assets == "inline":
        return _inline(tag, text, nonce)
    address = html.escape(f"{assets.rstrip('/')}/{path}?v={version}")
    if tag == "style":
        return f'<link rel="stylesheet" href="{address}"{_nonce(nonce)}>'
    return f'<script src="{address}"{_nonce(nonce)}></script>'


@cache
def _read(path: str) -> tuple[str, str]:
    """Text of a vendored file with its images as data, and a short hash of it for the address."""
    file = ASSETS / path
    text = file.read_text(encoding="utf-8")
    version = hashlib.sha256(text.encode()).hexdigest()[:8]

    def embed(match: re.Match[str]) -> str:
        image = base64.b64encode((file.parent / match[1]).read_bytes()).decode()
        return f"url(data:image/png;base64,{image})"

    text = re.sub(r"url\(([\w/.-]+\.png)\)", embed, text)
    text = re.sub(r"\n?//# sourceMappingURL=\S+", "", text)
    # An HTML parser ends a script at the first "</script", wherever it stands.
    if re.search(r"</(script|style)", text, re.IGNORECASE):
        raise SozialmonitorError("the file holds a closing tag and cannot be put into a page", where=str(file))
    return text, version


def _safe_json(data: object) -> str:
    """Write JSON that an HTML parser takes for plain text."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(content: MapContent, legend: legends.Legend, basemap: bool) -> dict[str, Any]:
    """Collect what ``map.js`` draws: geometry once, and per area its class, name and popup texts."""
    language = content.language
    areas: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    context: list[dict[str, Any]] = []
    for feature, index in zip(features_of(content.features), legend.classes, strict=True):
        if index < 0:
            context.append({"type": "Feature", "properties": {}, "geometry": feature["geometry"]})
            continue
        shown.append({"type": "Feature", "properties": {"i": len(areas)}, "geometry": feature["geometry"]})
        areas.append(
            {
                "c": index,
                "name": _name(feature, content),
                "rows": popup_rows(feature.get("properties") or {}, content),
            }
        )
    polygons, squeeze = plane([f["geometry"] for f in shown])
    points, radii = room(polygons)
    for area, point, radius in zip(areas, points, radii, strict=True):
        area["at"] = _spot(point[0], point[1], radius, squeeze)
    lettered = [e.index for e in legend.entries if e.letters]
    codes = [
        {"c": int(index), "at": _spot(x, y, radius, squeeze)}
        for x, y, radius, index in letter_spots(polygons, [area["c"] for area in areas], lettered)
    ]
    if content.context_features is not None:
        context += [_bare(f) for f in features_of(content.context_features, "context_features")]
    outlines = features_of(content.outline_features, "outline_features") if content.outline_features is not None else []
    return {
        "shapes": _collection(shown),
        "areas": areas,
        "codes": codes,
        "classes": [
            {
                "index": e.index,
                "label": e.label,
                "colour": e.colour,
                "hatch": e.hatch,
                "letters": e.letters,
                "ink": e.ink,
                "marked": e.marked,
            }
            for e in legend.entries
        ],
        "fields": [f.title[language] for f in content.fields],
        "context": _collection(context) if context else None,
        "ground": palettes.GROUND,
        "contextLine": palettes.CONTEXT_LINE,
        "outlines": _collection([_bare(f) for f in outlines]) if outlines else None,
        "places": _places(outlines),
        "bounds": [[47.2, 5.8], [55.1, 15.1]],
        "modelled": legend.modelled,
        "basemap": basemap,
        "canvas": len(areas) >= MANY,
        "texts": {
            "modelled": TEXTS["modelled_popup"][language],
            "zoom_in": TEXTS["zoom_in"][language],
            "zoom_out": TEXTS["zoom_out"][language],
            "whole": TEXTS["whole"][language],
        },
    }


def _spot(x: float, y: float, radius: float, squeeze: float) -> list[float]:
    """Latitude, longitude, and room in degrees of longitude, of a place in the plane of :func:`plane`."""
    return [round(float(y), 6), round(float(x) / squeeze, 6), round(float(radius) / squeeze, 6)]


def _places(outlines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    named = [f for f in outlines if (f.get("properties") or {}).get("name")]
    polygons, squeeze = plane([f["geometry"] for f in named])
    points, radii = room(polygons)
    return [
        {"name": str(f["properties"]["name"]), "at": _spot(point[0], point[1], radius, squeeze)}
        for f, point, radius in zip(named, points, radii, strict=True)
    ]


def _name(feature: Mapping[str, Any], content: MapContent) -> str:
    properties = feature.get("properties") or {}
    return str(properties.get(content.name_field) or properties.get("area_id") or feature.get("id") or "")


def _bare(feature: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": {}, "geometry": feature["geometry"]}


def _collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}


def _marked(content: MapContent, legend: legends.Legend) -> list[dict[str, Any]]:
    """List the areas of the classes that ask for attention, by name, for keyboards and screen readers."""
    shown = [(f, c) for f, c in zip(features_of(content.features), legend.classes, strict=True) if c >= 0]
    groups: list[dict[str, Any]] = []
    for entry in legend.entries:
        members: list[dict[str, Any]] = [
            {"index": i, "name": _name(feature, content)} for i, (feature, c) in enumerate(shown) if c == entry.index
        ]
        # Beyond a few dozen, a list of cells helps nobody.
        if entry.marked and 0 < len(members) <= 40:
            groups.append({"label": entry.label, "areas": sorted(members, key=lambda m: str(m["name"]))})
    return groups

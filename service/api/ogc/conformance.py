"""The conformance classes that are announced: exactly those that the contract tests check."""

from __future__ import annotations

_FEATURES_1 = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
_FEATURES_2 = "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf"
_FEATURES_3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf"

CONFORMANCE: tuple[str, ...] = (
    f"{_FEATURES_1}/core",
    f"{_FEATURES_1}/oas30",
    f"{_FEATURES_1}/html",
    f"{_FEATURES_1}/geojson",
    f"{_FEATURES_2}/crs",
    f"{_FEATURES_3}/queryables",
    f"{_FEATURES_3}/queryables-query-parameters",
)

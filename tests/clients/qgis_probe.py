"""Run by the system's Python: load layers into QGIS and print what it sees, as JSON. Not a test itself."""

import json
import sys

from qgis.core import QgsApplication, QgsVectorLayer


def look(uri: str, name: str, provider: str) -> dict:
    layer = QgsVectorLayer(uri, name, provider)
    if not layer.isValid():
        return {"valid": False}
    box = layer.extent()
    return {
        "valid": True,
        "count": sum(1 for _ in layer.getFeatures()),
        "crs": layer.crs().authid(),
        "fields": {f.name(): f.typeName() for f in layer.fields()},
        "aliases": {f.name(): layer.attributeAlias(i) for i, f in enumerate(layer.fields())},
        "renderer": layer.renderer().type() if layer.renderer() else "",
        "symbols": len(layer.renderer().legendSymbolItems()) if layer.renderer() else 0,
        "extent": [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()],
    }


def main() -> None:
    app = QgsApplication([], False)
    app.initQgis()
    job = json.load(sys.stdin)
    found = {}
    for name in job.get("oapif", []):
        found[name] = look(f"url='{job['url']}' typename='{name}'", name, "OAPIF")
    for name in job.get("gpkg", []):
        found[name] = look(f"{job['file']}|layername={name}", name, "ogr")
    print("RESULT" + json.dumps(found))  # noqa: T201
    app.exitQgis()


main()

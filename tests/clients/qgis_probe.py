"""Run by the system's Python: load layers into QGIS and print what it sees, as JSON. Not a test itself."""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsRenderContext,
    QgsVectorLayer,
)


def rules_of(layer: QgsVectorLayer) -> tuple[dict, int]:
    """Features per rule, as QGIS itself evaluates the filters, and features that no rule or more than one holds."""
    renderer = layer.renderer()
    if renderer is None or renderer.type() != "RuleRenderer":
        return {}, 0
    context = QgsRenderContext()
    expressions = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    context.setExpressionContext(expressions)
    renderer.startRender(context, layer.fields())
    counts = {rule.label(): 0 for rule in renderer.rootRule().children()}
    astray = 0
    for feature in layer.getFeatures():
        context.expressionContext().setFeature(feature)
        found = [r.label() for r in renderer.rootRule().children() if r.isFilterOK(feature, context)]
        astray += len(found) != 1
        for label in found:
            counts[label] += 1
    renderer.stopRender(context)
    return counts, astray


def look(uri: str, name: str, provider: str) -> dict:
    layer = QgsVectorLayer(uri, name, provider)
    if not layer.isValid():
        return {"valid": False}
    box = layer.extent()
    counts, astray = rules_of(layer)
    return {
        "valid": True,
        "count": sum(1 for _ in layer.getFeatures()),
        "crs": layer.crs().authid(),
        "fields": {f.name(): f.typeName() for f in layer.fields()},
        "aliases": {f.name(): layer.attributeAlias(i) for i, f in enumerate(layer.fields())},
        "renderer": layer.renderer().type() if layer.renderer() else "",
        "symbols": len(layer.renderer().legendSymbolItems()) if layer.renderer() else 0,
        "rules": counts,
        "astray": astray,
        "labels": layer.labelsEnabled(),
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

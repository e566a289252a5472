"""Which curves share a panel of the page, with their units and limits."""

from collections.abc import Mapping, Sequence
from typing import Any

from gridloom.scenarios.live.curve_table import CurveTable
from gridloom.scenarios.live.curves import PANELS, Curve


def panels_of(
    tables: Mapping[str, CurveTable], limits: Mapping[str, Sequence[float]]
) -> list[dict[str, Any]]:
    """Return the panels as JSON, in order; there are only those that have curves.

    Args:
        tables: whose curves are shown.
        limits: panel -> values to draw as dashed lines.
    """
    curves = [
        (key, column, curve)
        for key, table in tables.items()
        for column, curve in enumerate(table.curves)
    ]
    found = {curve.panel for _, _, curve in curves}
    ordered = [panel for panel in PANELS if panel in found] + sorted(found - set(PANELS))
    return [
        _panel(name, [each for each in curves if each[2].panel == name], limits.get(name, ()))
        for name in ordered
    ]


def _panel(
    name: str, curves: Sequence[tuple[str, int, Curve]], limits: Sequence[float]
) -> dict[str, Any]:
    title, unit = PANELS.get(name, (name, curves[0][2].unit))
    return {
        "key": name,
        "title": title,
        "unit": unit,
        "limits": list(limits),
        "curves": [
            {"table": key, "column": column, "label": curve.label, "at_end": curve.at_end}
            for key, column, curve in curves
        ],
    }

"""Where the buses of a pandapower net are: points in GeoJSON."""

import json
from typing import Any

import numpy as np

from gridloom.simulators.model import FloatArray


def bus_coordinates(buses: Any) -> FloatArray:
    """Return x and y of the buses, NaN where there is none: (bus, 2)."""
    points = np.full((len(buses), 2), np.nan)
    given = list(buses.get("geo", ()))
    rows = [row for row, geo in enumerate(given) if isinstance(geo, str) and geo]
    if rows:  # one text for all is read many times faster than one by one
        read = json.loads(f"[{','.join(given[row] for row in rows)}]")
        points[rows] = [point["coordinates"][:2] for point in read]
    return points


def set_bus_coordinates(buses: Any, points: FloatArray) -> None:
    """Write x and y of the buses, (bus, 2), as pandapower does; none where NaN."""
    buses["geo"] = [
        None if x != x else f'{{"coordinates": [{x}, {y}], "type": "Point"}}'  # noqa: PLR0124
        for x, y in points.tolist()
    ]

"""The results of a campaign as pandas tables."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridloom.scenarios.campaigns.point import Axis, Parameter
from gridloom.scenarios.campaigns.results.columns import (
    DIGEST,
    FAULT,
    INDICATOR,
    NUMBER,
    OF,
    REASON,
    STATE,
    UNIT,
    VALUE,
    parameter_headers,
)
from gridloom.scenarios.campaigns.results.points import FAULTS, STATES, Codes
from gridloom.scenarios.campaigns.results.values import CampaignValues

UNITS = "units"
"""Attribute of a table: column -> unit."""


def wide_frame(values: CampaignValues) -> pd.DataFrame:
    """Return one row a point; see `CampaignResults.table`."""
    points = values.points
    headers = parameter_headers(points.axes, values.columns)
    columns = {
        NUMBER: points.numbers,
        **_parameters(values, headers, np.arange(len(points))),
        STATE: _texts([state.value for state in STATES], points.states),
        FAULT: _texts([*(fault.value for fault in FAULTS), ""], points.faults),
        REASON: _texts(points.reason_texts, points.reasons),
        **{c.header: values.of_points(place) for place, c in enumerate(values.columns)},
        DIGEST: points.digests.astype(object),
    }
    table = pd.DataFrame(columns)
    table.attrs[UNITS] = units_of(values, headers)
    return table


def long_frame(values: CampaignValues) -> pd.DataFrame:
    """Return one row a point and indicator; see `CampaignResults.tidy`."""
    headers = parameter_headers(values.points.axes, values.columns)
    complete = np.flatnonzero(values.run_of_point >= 0)
    block = values.runs[values.run_of_point[complete]]
    rows, columns = np.nonzero(~np.isnan(block))
    points = complete[rows]
    return pd.DataFrame(
        {
            NUMBER: values.points.numbers[points],
            **_parameters(values, headers, points),
            INDICATOR: _texts([column.name for column in values.columns], columns),
            OF: _texts([column.of for column in values.columns], columns),
            VALUE: block[rows, columns],
            UNIT: _texts([column.unit for column in values.columns], columns),
        }
    )


def units_of(values: CampaignValues, headers: Sequence[str]) -> dict[str, str]:
    """Return the unit of every column that has one."""
    axes = zip(headers, values.points.axes, strict=True)
    return {
        **{header: axis.unit for header, axis in axes if axis.unit},
        **{column.header: column.unit for column in values.columns},
    }


def label_array(axis: Axis) -> NDArray[np.generic]:
    """Return the labels of an axis as numbers where all are, else as they are."""
    kinds = {type(label) for label in axis.labels}
    if kinds in ({bool}, {int}, {float}, {int, float}):
        return np.array(axis.labels)
    mixed = np.empty(len(axis.labels), dtype=object)
    mixed[:] = axis.labels
    return mixed


def _parameters(
    values: CampaignValues, headers: Sequence[str], points: Codes
) -> dict[str, NDArray[np.generic]]:
    codes = values.points.parameters
    return {
        header: label_array(axis)[codes[points, place]]
        for place, (header, axis) in enumerate(zip(headers, values.points.axes, strict=True))
    }


def _texts(texts: Sequence[Parameter], codes: Codes) -> NDArray[np.object_]:
    """Return the text at each place; each is held once, however often it occurs."""
    known = np.empty(max(len(texts), 1), dtype=object)
    known[: len(texts)] = texts
    chosen: NDArray[np.object_] = known[codes]
    return chosen

"""The results of a campaign as an xarray dataset over what was varied."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from gridloom.scenarios.campaigns.results.columns import (
    DIGEST,
    NUMBER,
    STATE,
    parameter_headers,
)
from gridloom.scenarios.campaigns.results.factors import Factor, combined, factors_of, is_product
from gridloom.scenarios.campaigns.results.frames import label_array
from gridloom.scenarios.campaigns.results.points import STATES, Codes
from gridloom.scenarios.campaigns.results.values import CampaignValues

_RUN = "run"


def campaign_dataset(values: CampaignValues) -> xr.Dataset:
    """Return the indicators over the axes; see `CampaignResults.dataset`."""
    points = values.points
    names = dict(zip(points.axes, parameter_headers(points.axes, values.columns), strict=True))
    factors = factors_of(points)
    if factors and is_product(factors, points):
        order = np.argsort(combined(factors, len(points)), kind="stable")
        sizes = {names[factor.axes[0]]: len(factor) for factor in factors}
        coordinates = {
            names[axis]: (names[factor.axes[0]], _labels(factor, place), _parameter(axis.unit))
            for factor in factors
            for place, axis in enumerate(factor.axes)
        }
    else:
        order = np.arange(len(points))
        sizes = {_RUN: len(points)}
        coordinates = {
            names[axis]: (_RUN, label_array(axis)[codes], _parameter(axis.unit))
            for axis, codes in zip(points.axes, points.parameters.T, strict=True)
        }
    return xr.Dataset(
        _variables(values, order, sizes),
        coords=coordinates,
        attrs={
            "campaign": values.about.name,
            "title": values.about.title,
            "gridloom_version": values.about.gridloom_version,
        },
    )


def _labels(factor: Factor, place: int) -> NDArray[np.generic]:
    axis = factor.axes[place]
    labels = label_array(axis)
    return labels[[axis.labels.index(label) for label in factor.labels[place]]]


def _parameter(unit: str) -> dict[str, str]:
    return {"units": unit} if unit else {}


def _variables(values: CampaignValues, order: Codes, sizes: dict[str, int]) -> dict[str, Any]:
    """Return dimensions, values and attributes of all variables."""
    points = values.points
    states = np.array([state.value for state in STATES])
    shape, dims = tuple(sizes.values()), tuple(sizes)
    return {
        NUMBER: (dims, points.numbers[order].reshape(shape)),
        STATE: (dims, states[points.states[order]].reshape(shape)),
        DIGEST: (dims, points.digests[order].reshape(shape)),
        **{
            column.header: (
                dims,
                values.of_points(place)[order].reshape(shape),
                {"units": column.unit, "long_name": column.long_name},
            )
            for place, column in enumerate(values.columns)
        },
    }

"""How well buildings were kept within the temperatures that people find comfortable."""

from collections.abc import Iterator

import numpy as np

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.several_steps import of_values
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.thermal_signals import (
    INDOOR_TEMPERATURE,
    TEMPERATURE_LIMIT_HIGH,
    TEMPERATURE_LIMIT_LOW,
)

_TOLERANCE_K = 0.01
"""What nobody feels, and rounding in the record may cause."""
_BELOW = Indicator(
    name="too_cold_kelvin_hours",
    unit="K h",
    group="Comfort",
    label="indoors below the comfort limit, all buildings",
    headline=True,
)
_ABOVE = Indicator(
    name="too_warm_kelvin_hours",
    unit="K h",
    group="Comfort",
    label="indoors above the comfort limit, all buildings",
    headline=True,
)
_COLDEST = Indicator(
    name="too_cold_max_k",
    unit="K",
    group="Comfort",
    label="indoors below the comfort limit, at worst",
)
_WARMEST = Indicator(
    name="too_warm_max_k",
    unit="K",
    group="Comfort",
    label="indoors above the comfort limit, at worst",
)
_OUTSIDE = Indicator(
    name="buildings_outside_comfort",
    unit="1",
    group="Comfort",
    label="buildings ever outside the comfort limits",
)
_FINAL = Indicator(
    name="indoor_temperature_at_end_mean_c",
    unit="degC",
    group="Comfort",
    label="mean indoor temperature at the end of the run",
)


_LIMITS = (TEMPERATURE_LIMIT_LOW, TEMPERATURE_LIMIT_HIGH)


def tells_comfort(device: Recording) -> bool:
    """Tell whether a model recorded indoor temperatures and their limits."""
    return all(signal.name in device for signal in (INDOOR_TEMPERATURE, *_LIMITS))


def comfort_kpis(buildings: Recording, of: str = "") -> list[Kpi]:
    """Return how far and how long indoor temperatures were outside the comfort limits.

    - kelvin hours: sum over buildings and steps of max(limit - T, 0) dt, with the temperature at
      the end of each step and the limit during it; above the upper limit likewise;
    - deviations up to 0.01 K count for nothing.

    Of rows of several steps, the temperatures at their ends are judged.

    Runs are comparable only with the heat that is left in the buildings, which the mean
    temperature at the end tells.
    """
    outside = np.zeros(buildings.rows[INDOOR_TEMPERATURE.name].shape[1], dtype=np.bool_)
    sums_k, worst_k, final_c = np.zeros(2), np.zeros(2), np.nan
    for indoor_c, beyond_k in beyond_comfort_k(buildings):
        sums_k += beyond_k.sum(axis=(1, 2))
        worst_k = np.maximum(worst_k, beyond_k.max(axis=(1, 2)))
        outside |= beyond_k.any(axis=(0, 1))
        final_c = float(indoor_c[-1].mean())
    hours = buildings.step_s / SECONDS_PER_HOUR
    kpis = [
        _BELOW.total(sums_k[0] * hours, of),
        _ABOVE.total(sums_k[1] * hours, of),
        _COLDEST.total(worst_k[0], of),
        _WARMEST.total(worst_k[1], of),
        _OUTSIDE.total(np.count_nonzero(outside), of),
    ]
    return [*of_values(kpis, buildings), _FINAL.total(final_c, of)]


def beyond_comfort_k(buildings: Recording) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield indoor temperatures and how far they are outside the limits, block by block.

    Yields:
        (time, building) in degrees Celsius; (2, time, building) in K: below and above, zero within
        0.01 K.
    """
    limits_c = [buildings.values(limit.name)[:, np.newaxis] for limit in _LIMITS]
    row = 0
    for indoor_c in buildings.blocks(INDOOR_TEMPERATURE.name):
        low_c, high_c = (limit_c[row : row + len(indoor_c)] for limit_c in limits_c)
        beyond_k = np.stack([low_c - indoor_c, indoor_c - high_c])
        yield indoor_c, np.where(beyond_k > _TOLERANCE_K, beyond_k, 0.0)
        row += len(indoor_c)

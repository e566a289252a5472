"""What device classes consume and inject at the same time, of runs too long to hold in memory."""

from collections.abc import Iterator, Sequence
from math import gcd, lcm

import numpy as np

from gridloom.scenarios.results.record.statistics import NETTED_POWER
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import POWER

_VALUES_AT_ONCE = 1_000_000
"""Of the largest device class: 8 MB."""


def side_by_side(devices: Sequence[Recording]) -> Iterator[list[FloatArray]]:
    """Yield what each class draws from the grid and feeds into it, stretch by stretch of time.

    Of rows that cover several steps, both are means, and exact where `Recording.tells_both_ways`.

    All stretches but the last are equally long, and whole rows of all devices.

    Yields:
        By class, (2, row) in kW, sums over its devices: consumed and injected, both positive. A
        class whose record has ended has no more rows.
    """
    whole_s = lcm(*(device.step_s for device in devices))
    values_s = max(device.rows[POWER.name].shape[1] / device.step_s for device in devices)
    stretch_s = max(1, int(_VALUES_AT_ONCE / max(values_s, 1e-9)) // whole_s) * whole_s
    end_s = max(device.rows.sizes["time"] * device.step_s for device in devices)
    for begin_s in range(0, end_s, stretch_s):
        yield [_consumed_and_injected(device, begin_s, stretch_s) for device in devices]


def common_step_s(devices: Sequence[Recording]) -> int:
    """Return the longest step of which all devices' rows are multiples."""
    return gcd(*(device.step_s for device in devices))


def at_steps(rows: FloatArray, row_s: int, step_s: int) -> FloatArray:
    """Return rows (..., row) in steps of ``step_s``, which divides them: (..., step)."""
    return np.repeat(rows, row_s // step_s, axis=-1)


def _consumed_and_injected(device: Recording, begin_s: int, length_s: int) -> FloatArray:
    first, count = begin_s // device.step_s, length_s // device.step_s
    stretch = device.rows[POWER.name].isel(time=slice(first, first + count))
    power_kw = np.asarray(stretch.to_numpy(), dtype=np.float64)
    consumed_kw = np.nansum(np.maximum(power_kw, 0.0), axis=1)
    both_kw = np.stack([consumed_kw, np.nansum(np.maximum(-power_kw, 0.0), axis=1)])
    if NETTED_POWER in device:
        netted = device.rows[NETTED_POWER].isel(time=slice(first, first + count))
        both_kw += np.nansum(np.asarray(netted.to_numpy(), dtype=np.float64), axis=1)
    return both_kw

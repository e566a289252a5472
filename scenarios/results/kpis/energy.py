"""Energy of the device classes, and how much of the generation is used where it arises."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from gridloom.scenarios.results.kpis.district import district_kpis
from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import POWER

_CONSUMED = Indicator(
    name="consumed_kwh", unit="kWh", group="Energy", label="energy drawn from the grid"
)
_INJECTED = Indicator(
    name="injected_kwh", unit="kWh", group="Energy", label="energy fed into the grid"
)
_SELF_CONSUMPTION = Indicator(
    name="self_consumption_percent",
    unit="percent",
    group="Energy",
    label="self-consumption of the generation",
    headline=True,
)
_SELF_SUFFICIENCY = Indicator(
    name="self_sufficiency_percent",
    unit="percent",
    group="Energy",
    label="self-sufficiency of the consumption",
    headline=True,
)


def energy_kpis(devices: Sequence[Recording]) -> list[Kpi]:
    """Return consumed and injected energy of each device class, and their coincidence.

    Where anything injects, also what the area exchanges with the world around it.

    Each device consumes max(P, 0) and injects max(-P, 0), in load convention; batteries that
    discharge inject. With the sums C and G over all devices of the area at every instant:

    - self-consumption = sum min(C, G) dt / sum G dt;
    - self-sufficiency = sum min(C, G) dt / sum C dt.

    A value holds until its model's next step, so models with different step sizes meet on the
    greatest common divisor of these. Grid losses are not part of the consumption.
    """
    totals = [_totals(device) for device in devices]
    kpis: list[Kpi] = []
    for total in totals:
        consumed_kwh, injected_kwh = total.energies_kwh()
        if consumed_kwh > 0 or not injected_kwh > 0:
            kpis.append(_CONSUMED.part(consumed_kwh, total.name))
        if injected_kwh > 0:
            kpis.append(_INJECTED.part(injected_kwh, total.name))
    return kpis + _coincidence_kpis(totals)


@dataclass(frozen=True, kw_only=True)
class _Totals:
    """What one device class consumes and injects, all devices together."""

    name: str
    step_s: int
    consumed_kw: FloatArray
    """(time,)."""
    injected_kw: FloatArray
    """(time,)."""

    def energies_kwh(self) -> tuple[float, float]:
        """Return consumed and injected energy."""
        hours = self.step_s / SECONDS_PER_HOUR
        return float(self.consumed_kw.sum() * hours), float(self.injected_kw.sum() * hours)

    def on(self, step_s: int, length: int) -> tuple[FloatArray, FloatArray]:
        """Return both powers in steps of ``step_s``, which divides this class's own."""
        repeats = self.step_s // step_s
        return (
            np.repeat(self.consumed_kw, repeats)[:length],
            np.repeat(self.injected_kw, repeats)[:length],
        )


def _totals(device: Recording) -> _Totals:
    consumed_kw, injected_kw = [], []
    for power_kw in device.blocks(POWER.name):
        consumed_kw.append(np.nansum(np.maximum(power_kw, 0.0), axis=1))
        injected_kw.append(np.nansum(np.maximum(-power_kw, 0.0), axis=1))
    return _Totals(
        name=device.name,
        step_s=device.step_s,
        consumed_kw=np.concatenate(consumed_kw),
        injected_kw=np.concatenate(injected_kw),
    )


def _coincidence_kpis(totals: Sequence[_Totals]) -> list[Kpi]:
    if not totals:
        return []
    step_s = gcd(*(total.step_s for total in totals))
    # Only as long as all models have values
    length = min(len(total.consumed_kw) * total.step_s for total in totals) // step_s
    consumed_kw, injected_kw = np.zeros(length), np.zeros(length)
    for total in totals:
        consumed, injected = total.on(step_s, length)
        consumed_kw += consumed
        injected_kw += injected
    local_kw = np.minimum(consumed_kw, injected_kw).sum()
    kpis: list[Kpi] = []
    if injected_kw.any():
        kpis.append(_SELF_CONSUMPTION.total(100.0 * local_kw / injected_kw.sum()))
        if consumed_kw.any():
            kpis.append(_SELF_SUFFICIENCY.total(100.0 * local_kw / consumed_kw.sum()))
        kpis += district_kpis(consumed_kw - injected_kw, step_s)
    return kpis

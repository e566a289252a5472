"""Energy of the device classes, and how much of the generation is used where it arises."""

from collections.abc import Iterator, Sequence

import numpy as np

from gridloom.scenarios.results.kpis.district import PEAKS, WINDOW_S, district_kpis
from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.several_steps import of_means
from gridloom.scenarios.results.kpis.side_by_side import at_steps, common_step_s, side_by_side
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR

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

    Within a row of several steps, what a device consumes and injects cancels. The energies of a
    class are exact where the record tells how much did, and else said to be of means. What several
    devices did at the same time no row of several steps tells: coincidence is that of the means.
    """
    if not devices:
        return []
    sums = _Sums(devices)
    district = district_kpis(sums.net_kw(), sums.step_s)
    kpis: list[Kpi] = []
    for device, of_class_kw in zip(devices, sums.by_class_kw, strict=True):
        consumed_kwh, injected_kwh = of_class_kw * (device.step_s / SECONDS_PER_HOUR)
        energies: list[Kpi] = []
        if consumed_kwh > 0 or not injected_kwh > 0:
            energies.append(_CONSUMED.part(consumed_kwh, device.name))
        if injected_kwh > 0:
            energies.append(_INJECTED.part(injected_kwh, device.name))
        kpis += energies if device.tells_both_ways else of_means(energies, device)
    too_coarse = [device for device in devices if not device.divides(WINDOW_S)]
    for kpi in _coincidence_kpis(sums, district):
        kpis += of_means([kpi], *(too_coarse if kpi.name in PEAKS else devices))
    return kpis


class _Sums:
    """Sums of powers over time, made as time goes by."""

    def __init__(self, devices: Sequence[Recording]) -> None:
        self._devices = devices
        self.step_s = common_step_s(devices)
        """Of the instants at which all classes meet."""
        self.by_class_kw = np.zeros((len(devices), 2))
        """(class, 2), consumed and injected, over its own rows."""
        self.consumed_kw = self.injected_kw = self.local_kw = 0.0
        """Of all classes, over the common steps; local: the smaller of both at each of them."""

    def net_kw(self) -> Iterator[FloatArray]:
        """Yield the net of all classes, (step,) stretch by stretch, only as long as all have rows.

        The sums are complete once it is exhausted.
        """
        for stretch in side_by_side(self._devices):
            self.by_class_kw += [rows.sum(axis=1) for rows in stretch]
            held = [
                at_steps(rows, device.step_s, self.step_s)
                for device, rows in zip(self._devices, stretch, strict=True)
            ]
            length = min(steps.shape[1] for steps in held)
            consumed_kw, injected_kw = np.sum([steps[:, :length] for steps in held], axis=0)
            self.consumed_kw += float(consumed_kw.sum())
            self.injected_kw += float(injected_kw.sum())
            self.local_kw += float(np.minimum(consumed_kw, injected_kw).sum())
            yield consumed_kw - injected_kw


def _coincidence_kpis(sums: _Sums, district: list[Kpi]) -> Iterator[Kpi]:
    """Yield what there is to say where anything injects."""
    if sums.injected_kw:
        yield _SELF_CONSUMPTION.total(100.0 * sums.local_kw / sums.injected_kw)
        if sums.consumed_kw:
            yield _SELF_SUFFICIENCY.total(100.0 * sums.local_kw / sums.consumed_kw)
        yield from district

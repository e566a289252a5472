"""Negotiating again a quarter of an hour later begins where the last one ended."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np
import pytest

from gridloom.controllers.drive.central import Share, central_optimum
from gridloom.controllers.drive.district import District, LocalDevices, negotiate
from gridloom.controllers.drive.negotiated_plan import Rigour
from gridloom.controllers.drive.sharing import TreeSharing
from gridloom.controllers.proximal.batteries import Batteries
from gridloom.controllers.proximal.curtailable import Curtailable
from gridloom.controllers.proximal.deferrable import Deferrable
from gridloom.controllers.proximal.heat_pumps import HeatPumps
from gridloom.controllers.proximal.population import Population
from gridloom.simulators.model import FloatArray

Draw: TypeAlias = Callable[..., tuple[District, list[Share]]]
PERCENT = Rigour(gap=0.01, certify_every=10)


def later(devices: Population, power_kw: FloatArray) -> Population:
    """Return devices an interval later, in which they drew this power: (device,)."""
    match devices:
        case Curtailable():
            return replace(devices, available_kw=devices.available_kw[:, 1:].copy())
        case Deferrable():
            return replace(
                devices,
                energy_kwh=devices.energy_kwh - power_kw * devices.interval_h,
                release=devices.release - 1.0,
                deadline=devices.deadline - 1.0,
                intervals=devices.intervals - 1,
            )
        case Batteries():
            stays = devices.stays
            assert (stays.end > 1).all()  # nobody leaves right now
            efficiency = np.where(
                power_kw > 0.0, devices.charge_efficiency, 1.0 / devices.discharge_efficiency
            )
            return replace(
                devices,
                initial_kwh=devices.initial_kwh + efficiency * power_kw * devices.interval_h,
                stays=replace(stays, begin=np.maximum(stays.begin - 1, 0), end=stays.end - 1),
                intervals=devices.intervals - 1,
            )
        case HeatPumps():
            return replace(
                devices,
                initial_c=devices.persistence * devices.initial_c
                + devices.heating_k_per_kw * devices.cop[0] * power_kw
                + devices.outdoor_share * devices.outdoor_c[0]
                + devices.gain_k_per_kw * devices.heat_gain_kw[0],
                lower_c=devices.lower_c[:, 1:].copy(),
                upper_c=devices.upper_c[:, 1:].copy(),
                outdoor_c=devices.outdoor_c[1:],
                heat_gain_kw=devices.heat_gain_kw[1:],
                cop=devices.cop[1:],
            )
        case _:
            raise TypeError(type(devices).__name__)


def shifted(
    district: District, devices: LocalDevices, noise_kw: FloatArray
) -> tuple[District, LocalDevices]:
    """Return all an interval later; fixed loads turn out to differ by the noise."""
    prices = district.prices
    ahead = replace(prices, buying=prices.buying[1:].copy(), selling=prices.selling[1:].copy())
    profiles_kw = [kw[:, 1:].copy() for kw in devices.profiles_kw]
    shares = [
        Share(leaf=share.leaf, population=later(share.population, kw[:, 0]))
        for share, kw in zip(devices.shares, devices.profiles_kw, strict=True)
    ]
    fixed_kw = district.fixed_kw[:, 1:] + noise_kw[:, 1:]
    return replace(district, prices=ahead, fixed_kw=fixed_kw), LocalDevices(shares, profiles_kw)


@pytest.mark.parametrize(("deviation", "most_rounds"), [(0.0, 2), (0.1, 5)])
def test_few_rounds_are_needed_again(draw: Draw, deviation: float, most_rounds: int) -> None:
    district, shares = draw(39, 0, 0.5)
    devices = LocalDevices(shares)
    found = negotiate(district, devices, PERCENT)
    rng = np.random.default_rng(5)
    fades = np.exp(-np.arange(96) / 8.0)  # what is known later is about the next two hours
    for _ in range(3):
        noise = rng.standard_normal(district.fixed_kw.shape) * fades[: district.fixed_kw.shape[1]]
        noise_kw = deviation * district.fixed_kw * noise
        price = found.price[:, 1:].copy()
        district, devices = shifted(district, devices, noise_kw)
        found = negotiate(district, devices, PERCENT, method=partial(TreeSharing, start=price))
        best = central_optimum(
            district.tree, district.prices, devices.shares, district.fixed_kw
        ).cost_eur
        assert found.rounds <= most_rounds
        assert found.certificate.bound_eur <= best + 1e-4
        assert best <= found.certificate.cost_eur + 1e-4
        assert found.certificate.gap <= PERCENT.gap
        cold = negotiate(district, LocalDevices(devices.shares), PERCENT)
        assert cold.rounds >= 2 * found.rounds

"""Districts of the benchmarks: houses with devices at feeders, drawn from a seed."""

from collections.abc import Callable
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.controllers.drive.central import Share
from gridloom.controllers.drive.district import District
from gridloom.controllers.proximal.batteries import Batteries, Stays
from gridloom.controllers.proximal.population import BoolArray

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
Draw: TypeAlias = Callable[..., tuple[District, list[Share]]]


@pytest.fixture(scope="session")
def synthetic_district() -> Any:
    """The module that draws districts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        return import_module("synthetic_district")


@pytest.fixture(scope="session")
def draw(synthetic_district: Any) -> Draw:
    """Draws a district and its devices.

    With `cap`, the limits of feeders are that share of their peaks if nobody decides.
    """

    def drawn(houses: int, seed: int, cap: float | None = None) -> tuple[District, list[Share]]:
        whole = synthetic_district.SyntheticDistrict(houses, seed)
        shares = whole.shares()
        limits_kw = None
        if cap is not None:
            uncontrolled_kw = synthetic_district.uncontrolled_kw(whole.fixed_kw(), shares)
            limits_kw = cap * np.abs(uncontrolled_kw).max(axis=1)
        return whole.district(limits_kw), shares

    return drawn


@pytest.fixture(scope="session")
def some_of() -> Callable[[Share, BoolArray], Share]:
    """Returns some devices of a share."""
    common = {"lower_c", "upper_c", "outdoor_c", "heat_gain_kw", "cop", "intervals", "interval_h"}

    def some(share: Share, chosen: BoolArray) -> Share:
        whole = share.population
        own = [f.name for f in fields(whole) if f.init and f.name not in common]  # type: ignore[arg-type]
        cut = {name: getattr(whole, name) for name in own}
        if isinstance(whole, Batteries):
            stays = cut.pop("stays")
            lengths = np.diff(stays.first)
            kept = np.repeat(chosen, lengths)
            cut["stays"] = Stays(
                first=np.concatenate([[0], np.cumsum(lengths[chosen])]),
                begin=stays.begin[kept],
                end=stays.end[kept],
                required_kwh=stays.required_kwh[kept],
                trip_kwh=stays.trip_kwh[kept],
            )
        cut = {k: v if isinstance(v, Stays) else v[chosen] for k, v in cut.items()}
        return Share(leaf=share.leaf[chosen], population=replace(whole, **cut))  # type: ignore[type-var]

    return some

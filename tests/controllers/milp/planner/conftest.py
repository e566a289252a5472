"""Small planning problems and feeders whose best plans can be worked out by hand."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.controllers.milp.problem import PlanningProblem, Settlement, Storages
from gridloom.simulators.grid.feeder import Feeder

ProblemOf: TypeAlias = Callable[..., PlanningProblem]
FeederOf: TypeAlias = Callable[..., Feeder]

_OF_STORAGES = {
    "reactive_max_kvar",
    "apparent_max_kva",
    "tan_phi",
    "wear_eur_per_kwh",
    "charge_efficiency",
    "discharge_efficiency",
}


def make_problem(**given: Any) -> PlanningProblem:
    """Build a problem; what is not given is: one storage at the only connection point, an hour an
    interval, one interval a settlement period, up to 4 kW, 5 of 0 to 10 kWh at entry, nothing
    else drawn, nothing bought, shortage at 100 and surplus at 50 EUR/MWh.
    """
    intervals = given.pop("intervals", 1)
    storages = given.pop("storages", 1)
    points = given.pop("points", 1)
    shape = (storages, intervals)
    period = np.array(given.pop("period", range(intervals)))
    periods = int(period.max()) + 1

    def over(name: str, default: float, extent: tuple[int, ...]) -> Any:
        return np.broadcast_to(np.asarray(given.pop(name, default), dtype=float), extent).copy()

    entering = np.full(shape, np.nan)
    entering[:, 0] = given.pop("entering_kwh", 5.0)
    leaves = np.zeros(shape, dtype=bool)
    leaves[:, -1] = True
    in_portfolio = np.ones(points, dtype=bool)
    problem = PlanningProblem(
        interval_s=given.pop("interval_s", 3600),
        storages=Storages(
            point=np.array(given.pop("point", np.arange(storages) % points), dtype=np.int64),
            charge_max_kw=over("charge_max_kw", 4.0, shape),
            discharge_max_kw=over("discharge_max_kw", 4.0, shape),
            entering_kwh=np.array(given.pop("entering", entering), dtype=float),
            energy_min_kwh=over("energy_min_kwh", 0.0, shape),
            energy_max_kwh=over("energy_max_kwh", 10.0, shape),
            leaves=np.array(given.pop("leaves", leaves), dtype=bool),
            **{
                "charge_efficiency": 1.0,
                "discharge_efficiency": 1.0,
                **{name: given.pop(name) for name in _OF_STORAGES & given.keys()},
            },
        ),
        settlement=Settlement(
            period=period,
            in_portfolio=np.array(given.pop("in_portfolio", in_portfolio), dtype=bool),
            position_kwh=over("position_kwh", 0.0, (periods,)),
            settled_kwh=over("settled_kwh", 0.0, (periods,)),
            shortage_eur_per_mwh=over("shortage", 100.0, (periods,)),
            surplus_eur_per_mwh=over("surplus", 50.0, (periods,)),
            imbalance_min_kwh=over("imbalance_min_kwh", -np.inf, (periods,)),
            imbalance_max_kwh=over("imbalance_max_kwh", np.inf, (periods,)),
        ),
        exogenous_kw=over("exogenous_kw", 0.0, (points, intervals)),
        exogenous_kvar=over("exogenous_kvar", 0.0, (points, intervals)),
        elsewhere_kw=over("elsewhere_kw", 0.0, (intervals,)),
    )
    assert not given, f"unknown: {given}"
    return problem


def make_feeder(
    branches: Sequence[tuple[int, int, float, float, float]],
    points: Sequence[int],
    *,
    phases: Sequence[str] | None = None,
    source_impedance: tuple[float, float] = (0.0, 0.0),
    **given: Any,
) -> Feeder:
    """Build a feeder with an ideal source of 1 pu at bus 0.

    Args:
        branches: from bus, to bus, resistance and reactance in pu per kW, rated kVA.
        points: bus of each connection point.
        phases: those of each connection point; by default all three.
        source_impedance: behind the source, in pu per kW.
        given: other fields of `Feeder`.
    """
    begin, end, resistance, reactance, rated = (
        np.array(part) for part in zip(*branches, strict=True)
    )
    buses = int(max(begin.max(), end.max())) + 1
    count = len(branches)
    fields: dict[str, Any] = {
        "grid": "grid",
        "bus_names": tuple(f"bus {bus}" for bus in range(buses)),
        "line_names": tuple(f"line {line}" for line in range(count)),
        "transformer_names": (),
        "bus_node": np.arange(buses),
        "branch_from": begin,
        "branch_to": end,
        "branch_in_service": np.ones(count, dtype=bool),
        "line_rated_current_a": rated / (np.sqrt(3) * 0.4),
        "branch_rated_kva": rated.astype(float),
        "branch_resistance_pu_per_kw": resistance.astype(float),
        "branch_reactance_pu_per_kvar": reactance.astype(float),
        "branch_ratio": np.ones(count),
        "source_bus": np.array([0]),
        "source_voltage_pu": np.array([1.0]),
        "source_resistance_pu_per_kw": np.array([source_impedance[0]]),
        "source_reactance_pu_per_kvar": np.array([source_impedance[1]]),
        "point_names": tuple(f"house {point}" for point in range(len(points))),
        "point_bus": np.array(points),
        "point_phases": np.array(
            [[phase in of for phase in "abc"] for of in phases or ["abc"] * len(points)]
        ),
        "voltage_limits_pu": (0.9, 1.1),
    }
    return Feeder(**(fields | given))


@pytest.fixture(scope="session")
def problem_of() -> ProblemOf:
    """Build a problem from what differs from the simplest one; see `make_problem`."""
    return make_problem


@pytest.fixture(scope="session")
def feeder_of() -> FeederOf:
    """Build a feeder branch by branch; see `make_feeder`."""
    return make_feeder

"""How controllers decide: what became of their solves, and how long decisions take.

Only `solve_kpis` belongs to a run's indicators. Computing times are wall times of the machine that
ran it and differ from run to run; they are told when runs are compared.
"""

from typing import TYPE_CHECKING

import numpy as np

from gridloom.controllers.telemetry import SOLVE_GAP, SOLVE_STATUS, SOLVE_TIME
from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wall_times import WallTimes

if TYPE_CHECKING:
    import xarray as xr

_GROUP = "Coordination"
_WALL_TIME = "wall_time_{}_s"
_MS_PER_S = 1000.0
_SOLVES = Indicator(name="solves", unit="1", group=_GROUP, label="solves of an optimisation")
_NOT_OPTIMAL = Indicator(
    name="solves_not_optimal", unit="1", group=_GROUP, label="solves without a proven optimum"
)
_GAP = Indicator(
    name="solve_relative_gap_max", unit="1", group=_GROUP, label="relative gap, worst solve"
)
_DECISION = Indicator(
    name="decision_wall_time_ms", unit="ms", group=_GROUP, label="computing time a decision"
)
_TOTAL = Indicator(
    name="decisions_wall_time_s", unit="s", group=_GROUP, label="computing time of all decisions"
)
_SOLVER = "solver"
"""What controllers call it among the parts of their wall times."""
_SOLVER_TIME = Indicator(
    name="solver_wall_time_s", unit="s", group=_GROUP, label="computing time of the solver in all"
)
_SOLVE = Indicator(
    name="solve_wall_time_mean_s", unit="s", group=_GROUP, label="computing time a solve, mean"
)
_SLOWEST_SOLVE = Indicator(
    name="solve_wall_time_max_s", unit="s", group=_GROUP, label="computing time a solve, longest"
)


def controllers_of(record: "xr.DataTree") -> list[Recording]:
    """Return the controllers of a record that recorded at least one step."""
    return [
        Recording.of(name, node)
        for name, node in record.children.items()
        if node.attrs.get("role") == "controller" and node.sizes.get("time", 0)
    ]


def solve_kpis(record: "xr.DataTree") -> list[Kpi]:
    """Return how many optimisations the controllers solved, and how well.

    A solve is a step with a `solve_status`; every status but 0 is one without a proven optimum.
    """
    controllers = controllers_of(record)
    kpis: list[Kpi] = []
    for controller in controllers:
        of = controller.name if len(controllers) > 1 else ""
        if SOLVE_STATUS.name in controller:
            status = controller.values(SOLVE_STATUS.name)
            solved = np.isfinite(status)
            kpis += [
                _SOLVES.total(np.count_nonzero(solved), of),
                _NOT_OPTIMAL.total(np.count_nonzero(status[solved]), of),
            ]
        if SOLVE_GAP.name in controller:
            gap = controller.values(SOLVE_GAP.name)
            kpis.append(_GAP.total(np.nan if np.isnan(gap).all() else np.nanmax(gap), of))
    return kpis


def computing_time_kpis(record: "xr.DataTree") -> list[Kpi]:
    """Return the wall time that the controllers' decisions took: not reproducible.

    A decision is one step of a controller. Where it solves optimisations only now and then, the
    time of a solve is told as well.
    """
    controllers = controllers_of(record)
    times = WallTimes.of(record.attrs)
    kpis: list[Kpi] = []
    for controller in controllers:
        of = controller.name if len(controllers) > 1 else ""
        within = times.models.get(controller.name) if times else None
        if within is not None and _SOLVER in within.parts_s:
            kpis.append(_SOLVER_TIME.total(within.parts_s[_SOLVER], of))
        wall_time_s = record.attrs.get(_WALL_TIME.format(controller.name))
        if wall_time_s is not None:
            each_ms = _MS_PER_S * float(wall_time_s) / controller.steps
            kpis += [_DECISION.total(each_ms, of), _TOTAL.total(float(wall_time_s), of)]
        if SOLVE_TIME.name in controller:
            solve_s = controller.values(SOLVE_TIME.name)
            if np.isfinite(solve_s).any():
                kpis += [
                    _SOLVE.total(float(np.nanmean(solve_s)), of),
                    _SLOWEST_SOLVE.total(float(np.nanmax(solve_s)), of),
                ]
    return kpis

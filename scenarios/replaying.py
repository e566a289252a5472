"""Plans a scenario, or reads a schedule, and replays it in the AC power flow."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gridloom.controllers.milp.case import PlanningCase
from gridloom.controllers.milp.controller import Milp
from gridloom.controllers.milp.replay import Replay, injections, replay_plan, with_interval
from gridloom.scenarios.composition import Composition, compose
from gridloom.scenarios.reader import ScenarioDocument
from gridloom.scenarios.schema import Scenario
from gridloom.scenarios.types import find_type
from gridloom.simulators.errors import Problem, ScenarioError, SolveError
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.wide_csv import read_series


@dataclass(frozen=True, kw_only=True)
class ReplayedScenario:
    """A replay, and of what."""

    scenario: Scenario
    source: str
    """Where the schedule comes from."""
    interval_s: int
    """Resolution of the replay."""
    replay: Replay


def replay_scenario(
    document: ScenarioDocument,
    variant: str | None = None,
    *,
    schedule: Path | None = None,
    interval_s: int | None = None,
) -> ReplayedScenario:
    """Replay the plan that a variant's planner makes at the start, or a schedule from a file.

    All devices but the vehicles do what they will do; vehicles draw what the schedule says while
    they are there, so that both power flows see the same.

    Args:
        document: the scenario.
        variant: one with a controller of type milp; the first such by default.
        schedule: CSV file of setpoints in kW: a first column of times as in a profile's file, and
            one column a charging point.
        interval_s: resolution of the replay; None for the plan's intervals.

    Raises:
        ScenarioError: there is no planner or no grid, or the file is wrong.
        SolveError: there is no plan.
    """
    composition = _planned_variant(document, variant)
    scenario = composition.scenario
    planner = next(m for m in composition.models.values() if isinstance(m, Milp))
    grid = next((m for m in composition.models.values() if isinstance(m, Grid)), None)
    if grid is None:
        raise ScenarioError(
            Problem(message="there is no grid to replay a plan in", key=("simulators",))
        )
    if schedule is None:
        setpoints_kw, source = _plan(planner), "plan"
    else:
        setpoints_kw, source = _read(schedule, planner.case, scenario), str(schedule)
    length_s = planner.case.interval_s if interval_s is None else interval_s
    power_kw, reactive_kvar = _injections(planner.case, setpoints_kw, length_s)
    replay = replay_plan(grid, power_kw, reactive_kvar, interval_s=length_s)
    return ReplayedScenario(scenario=scenario, source=source, interval_s=length_s, replay=replay)


def _planned_variant(document: ScenarioDocument, variant: str | None) -> Composition:
    """Return the variant, or the first that has a planner, built."""
    wanted: list[str | None] = [variant] if variant else [*document.variants] or [None]
    for name in wanted:
        scenario = document.scenario(name)
        types = [
            find_type("controllers", config.type, document.folders)
            for config in scenario.controllers.values()
        ]
        if any(issubclass(each, Milp) for each in types):
            return compose(document, scenario)
    raise ScenarioError(
        Problem(
            message="there is no controller of type milp, whose plan could be replayed",
            key=("controllers",),
        )
    )


def _plan(planner: Milp) -> FloatArray:
    """Return the setpoints of the plan at the start: (charging_point, interval of the run)."""
    planned = planner.plan_ahead()
    if planned.plan is None:
        raise SolveError(planner.name, 0, "no plan", planned.cause)
    setpoints_kw = planned.foreseen.setpoints_kw(planned.plan)
    whole = np.zeros((len(setpoints_kw), len(planner.case.run_edges_s) - 1))
    count = min(whole.shape[1], setpoints_kw.shape[1])
    whole[:, :count] = setpoints_kw[:, :count]
    return whole


def _read(path: Path, case: PlanningCase, scenario: Scenario) -> FloatArray:
    """Return the setpoints of a file: (charging_point, interval)."""
    if not path.is_file():
        raise ScenarioError(
            Problem(message=f"there is no file '{path}'", expected="a CSV file of setpoints")
        )
    duration_s = scenario.duration_s
    context = BuildContext(
        name=case.fleet.name, start=scenario.start, duration_s=duration_s, seed=scenario.seed
    )
    series = read_series(path, case.fleet.elements.names, 1.0, context, duration_s)
    return series.means(0, duration_s, case.interval_s).T


def _injections(
    case: PlanningCase, setpoints_kw: FloatArray, interval_s: int
) -> tuple[FloatArray, FloatArray]:
    """Return injections in other intervals than the plan's, which divide them."""
    if case.interval_s % interval_s:
        raise ScenarioError(
            Problem(
                message=f"a replay every {interval_s} s does not fit intervals of "
                f"{case.interval_s} s",
                expected="a length that divides the plan's interval",
            )
        )
    fine = with_interval(case, interval_s)
    futures = {name: m.future(interval_s) for name, m in fine.surroundings.senders.items()}
    known = {name: future for name, future in futures.items() if future is not None}
    return injections(fine, known, np.repeat(setpoints_kw, case.interval_s // interval_s, axis=1))

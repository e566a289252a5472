"""Builds the models that a scenario names, in the order in which they need each other."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gridloom.controllers.controller import ControlContext, Controller
from gridloom.controllers.negotiation.agent import Agent
from gridloom.controllers.negotiation.coordinator import CoordinatorConfig
from gridloom.controllers.negotiation.terms import Terms
from gridloom.scenarios.recorded_rows import record_problems
from gridloom.scenarios.schema import Scenario
from gridloom.scenarios.types import find_type
from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.market import TakesPosition
from gridloom.simulators.model import BuildContext, Direction, Forecast, Model
from gridloom.simulators.phases import phase
from gridloom.simulators.quantities import ModelConfig, format_duration
from gridloom.simulators.signals import POWER


def build_models(scenario: Scenario, folders: Sequence[Path]) -> dict[str, Model]:
    """Return all models of a scenario by name: simulators in the file's order, then controllers.

    Raises:
        ScenarioError: with every problem that the models found in their configuration; keys are
            complete, locations are for the reader to add.
    """
    points: tuple[str, ...] | None = None
    built: dict[str, Model] = {}
    problems = _step_problems(scenario)
    grids = [
        n for n, c in scenario.simulators.items() if _model_type(n, c).offers_connection_points
    ]
    if len(grids) > 1:
        raise ScenarioError(
            Problem(message=f"several grids: {listing(grids)}", key=("simulators", grids[1]))
        )
    others = [name for name in scenario.simulators if name not in grids]
    for name in (*grids, *others):
        context = _context(scenario, folders, name, points)
        config = scenario.simulators[name]
        try:
            with phase(name):
                built[name] = _model_type(name, config)(config, context)
        except ScenarioError as error:
            problems += error.below(("simulators", name)).problems
            if name in grids:
                raise ScenarioError(*problems) from error
            continue
        if name in grids:
            points = built[name].connection_points
            problems += _group_problems(scenario, points or ())
    if problems:
        raise ScenarioError(*problems)
    simulators = {name: built[name] for name in scenario.simulators}
    models = {**simulators, **_controllers(scenario, folders, simulators, points)}
    problems += record_problems(scenario, models)
    if problems:
        raise ScenarioError(*problems)
    return models


def build_one(
    scenario: Scenario, folders: Sequence[Path], name: str, points: tuple[str, ...] | None
) -> Model:
    """Return one model of a scenario, as `build_models` builds it, without the others if it can be.

    Args:
        scenario: the whole scenario.
        folders: where relative file names are looked up.
        name: which model.
        points: the grid's connection points, None in a scenario without a grid.
    """
    config = scenario.simulators.get(name)
    if config is None:
        return build_models(scenario, folders)[name]
    model: Model = _model_type(name, config)(config, _context(scenario, folders, name, points))
    if isinstance(model, TakesPosition) and model.needs_position:
        return build_models(scenario, folders)[name]
    return model


def _controllers(
    scenario: Scenario,
    folders: Sequence[Path],
    simulators: Mapping[str, Model],
    points: tuple[str, ...] | None,
) -> dict[str, Model]:
    """Return the controllers by name; agents come first: the positions need their schedules."""
    agents = [name for name, c in scenario.controllers.items() if _is_agent(c)]
    coordinators = {
        name: _terms(name, config, simulators)
        for name, config in scenario.controllers.items()
        if isinstance(config, CoordinatorConfig)
    }
    built: dict[str, Controller] = {}
    problems: list[Problem] = []

    def build(names: Iterable[str]) -> None:
        for name in names:
            context = ControlContext(
                build=_context(scenario, folders, name, points),
                models=simulators,
                coordinators=coordinators,
                agents={agent: built[agent] for agent in agents if agent in built},
            )
            config = scenario.controllers[name]
            try:
                with phase(name):
                    controller = find_type("controllers", config.type)(config, context)
                _nested_steps(controller)
                built[name] = controller
            except ScenarioError as error:
                problems.extend(error.below(("controllers", name)).problems)
        if problems:
            raise ScenarioError(*problems)

    build(agents)
    _buy_positions(simulators, built)
    build(name for name in scenario.controllers if name not in built)
    return {name: built[name] for name in scenario.controllers}


def _terms(name: str, config: CoordinatorConfig, simulators: Mapping[str, Model]) -> Terms:
    try:
        return config.terms(name, simulators)
    except ScenarioError as error:
        raise error.below(("controllers", name)) from error


def _is_agent(config: ModelConfig) -> bool:
    return issubclass(find_type("controllers", config.type), Agent)


def _model_type(name: str, config: ModelConfig) -> type[Any]:
    found = find_type("simulators", config.type)
    if not issubclass(found, Model):
        raise ScenarioError(
            Problem(message=f"{found!r} is not a Model", key=("simulators", name, "type"))
        )
    return found


def _context(
    scenario: Scenario, folders: Sequence[Path], name: str, points: tuple[str, ...] | None
) -> BuildContext:
    return BuildContext(
        name=name,
        start=scenario.start,
        duration_s=scenario.duration_s,
        seed=scenario.seed,
        folders=tuple(folders),
        connection_points=points,
        groups={group: tuple(members) for group, members in scenario.groups.items()},
    )


def _step_problems(scenario: Scenario) -> list[Problem]:
    """Refuse steps of which the last would reach beyond the end of the run."""
    duration = format_duration(scenario.duration_s)
    return [
        Problem(
            message=f"steps of {format_duration(config.step_size)} do not end with the run, "
            f"which takes {duration}",
            key=(kind, name, "step_size"),
            expected=f"a step that divides {duration}",
        )
        for kind, models in (
            ("simulators", scenario.simulators),
            ("controllers", scenario.controllers),
        )
        for name, config in models.items()
        if scenario.duration_s % config.step_size
    ]


def _nested_steps(controller: Controller) -> None:
    """Refuse a controller whose setpoints would hold for other times than its devices' steps."""
    ours, theirs = controller.step_size, controller.controlled.step_size
    if max(ours, theirs) % min(ours, theirs):
        raise ScenarioError(
            Problem(
                message=f"it steps every {format_duration(ours)}, "
                f"'{controller.controlled.name}' every {format_duration(theirs)}",
                key=("step_size",),
                expected="one of the two divides the other",
            )
        )


def _group_problems(scenario: Scenario, points: Sequence[str]) -> list[Problem]:
    known = set(points)
    return [
        Problem(
            message=f"'{member}' is not a connection point of the grid",
            key=("groups", group, i),
            expected=f"one of {listing(points)}",
            suggestion=nearest(member, points),
        )
        for group, members in scenario.groups.items()
        for i, member in enumerate(members)
        if member not in known
    ]


def _buy_positions(simulators: Mapping[str, Model], agents: Mapping[str, Controller]) -> None:
    """Let every market that needs it buy what the portfolio's models forecast (eq. 25).

    What agents have scheduled takes the place of their devices' forecast.
    """
    schedules = {
        agent.controlled.name: agent.forecast_from_schedule
        for agent in agents.values()
        if isinstance(agent, Agent)
    }
    for name, market in simulators.items():
        if isinstance(market, TakesPosition) and market.needs_position:
            forecasts: dict[str, Forecast] = {}
            for other, model in simulators.items():
                places = _places(model)
                if not places.isdisjoint(market.portfolio):
                    scheduled = schedules.get(other)
                    forecasts[other] = _portfolio_forecast(name, market.portfolio, model, scheduled)
            market.take_position(forecasts)


def _places(model: Model) -> set[str]:
    """Return the connection points at which a model sends power."""
    return {
        point
        for port in model.ports
        if port.signal == POWER and port.direction is Direction.OUTPUT and port.elements is not None
        for point in port.elements.connection_points or ()
    }


def _portfolio_forecast(
    market: str, portfolio: Sequence[str], model: Model, scheduled: Forecast | None
) -> Forecast:
    """Return what ``model`` is expected to draw, if all of it belongs to the portfolio."""
    forecast = model.forecast() if scheduled is None else scheduled
    if forecast is None or not _places(model) <= set(portfolio):
        reason = "makes no forecast" if forecast is None else "is only partly in the portfolio"
        raise ScenarioError(
            Problem(
                message=f"no day-ahead position can be derived: '{model.name}' {reason}",
                key=("simulators", market, "position_kw"),
                expected="position_kw: one value in kW a settlement period",
            )
        )
    return forecast

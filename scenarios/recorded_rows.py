"""Which outputs of a model are recorded, and how many of its steps a row of its record covers."""

from collections.abc import Iterator, Mapping
from math import gcd
from typing import TYPE_CHECKING

from gridloom.scenarios.port_names import find_port
from gridloom.scenarios.schema import Scenario
from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.model import Direction, Model, Port
from gridloom.simulators.quantities import format_duration

if TYPE_CHECKING:
    from gridloom.scenarios.results.record.statistics import Kept

_PERIOD_STOP = "period_stop_s"
"""Static variable of whoever settles periods: what it tells begins anew with each of them."""


def recordable_ports(model: Model) -> list[Port]:
    """Return the outputs of a model that can be recorded."""
    return [
        port for port in model.ports if port.direction is Direction.OUTPUT and not port.in_rounds
    ]


def recorded_ports(scenario: Scenario, name: str, model: Model) -> tuple[Port, ...]:
    """Return the outputs of a model that its scenario has recorded."""
    return tuple(
        port
        for port in recordable_ports(model)
        if scenario.record.records(name, port.name, by_default=port.recorded)
    )


def row_length_s(scenario: Scenario, name: str, model: Model) -> int:
    """Return the seconds that each row of a model's record covers: one step, or several.

    They are `record: every`, or less: rows end where the settlement periods of a market do, since
    its imbalance starts anew there, and models that solve or negotiate have a row for each step.
    """
    every_s, step_s = scenario.record.every, model.step_size
    if every_s is None or every_s <= step_s:
        return step_s
    ports = recorded_ports(scenario, name, model)
    if any(port.signal.each_step for port in ports):
        return step_s
    stops_s = [
        int(stop_s)
        for static in model.static()
        if static.name == _PERIOD_STOP
        for stop_s in static.values
    ]
    length_s = gcd(every_s, *stops_s)
    return step_s if length_s % step_s else length_s


def beside_values(scenario: Scenario, name: str, model: Model) -> Iterator[tuple[str, "Kept"]]:
    """Yield what rows that cover several steps of a model hold beside its outputs' own values.

    As output and what is kept of it; the variable of the record is named after both.
    """
    from gridloom.scenarios.results.record import columns_of

    if row_length_s(scenario, name, model) == model.step_size:
        return
    for port in recorded_ports(scenario, name, model):
        statistics = scenario.record.statistics_of(name, port.signal)
        for column in columns_of(port, statistics, model.step_size)[1:]:
            yield port.name, column.kept


def record_problems(scenario: Scenario, models: Mapping[str, Model]) -> list[Problem]:
    """Return what is wrong with what a scenario wants to be recorded."""
    return [
        *_signal_problems(scenario, models),
        *_statistic_problems(scenario, models),
        *_name_problems(scenario, models),
        *_length_problems(scenario, models),
    ]


def _signal_problems(scenario: Scenario, models: Mapping[str, Model]) -> Iterator[Problem]:
    signals = scenario.record.signals
    for name, wanted in signals.items() if isinstance(signals, dict) else ():
        outputs = [port.name for port in recordable_ports(models[name])]
        for i, signal in enumerate(wanted):
            if signal not in outputs:
                yield Problem(
                    message=f"'{name}' has no output '{signal}'",
                    key=("record", "signals", name, i),
                    expected=f"one of {listing(outputs, limit=12)}",
                    suggestion=nearest(signal, outputs),
                )


def _statistic_problems(scenario: Scenario, models: Mapping[str, Model]) -> Iterator[Problem]:
    statistics = scenario.record.statistics
    for text in statistics if isinstance(statistics, dict) else ():
        key = ("record", "statistics", text)
        try:
            name, port = find_port(models, text, Direction.OUTPUT, key)
        except ScenarioError as error:
            yield from error.problems
            continue
        if port not in recorded_ports(scenario, name, models[name]):
            yield Problem(
                message=f"'{text}' is not recorded",
                key=key,
                suggestion=f"name '{port.name}' in record.signals.{name} as well",
            )


def _name_problems(scenario: Scenario, models: Mapping[str, Model]) -> Iterator[Problem]:
    """Refuse statistics that would have the name of another output."""
    for name, model in models.items() if scenario.record.every else ():
        names = {port.name for port in recorded_ports(scenario, name, model)}
        for port, kept in beside_values(scenario, name, model):
            taken = f"{port}_{kept}"
            if taken in names and kept == "netted":  # which nobody can do without
                yield Problem(
                    message=f"'{name}' itself sends '{taken}', as what is kept beside '{port}' is "
                    "called",
                    key=("record", "signals"),
                    expected=f"'{name}' without '{taken}' or without '{port}'",
                )
            elif taken in names:
                yield Problem(
                    message=f"'{name}' itself sends '{taken}'",
                    key=("record", "statistics"),
                    expected=f"'{name}.{port}' without '{kept}'",
                )


def _length_problems(scenario: Scenario, models: Mapping[str, Model]) -> Iterator[Problem]:
    every_s, key = scenario.record.every, ("record", "every")
    if every_s is None:
        return
    every = format_duration(every_s)
    for name, model in models.items():
        if every_s % model.step_size and every_s > model.step_size:
            yield Problem(
                message=f"{every} are no whole number of steps of '{name}', which steps every "
                f"{format_duration(model.step_size)}",
                key=key,
                expected="a multiple of all step sizes that are shorter",
            )
            return
    has_several_steps = any(
        row_length_s(scenario, name, model) > model.step_size for name, model in models.items()
    )
    if has_several_steps and scenario.duration_s % every_s:
        yield Problem(
            message=f"the duration {format_duration(scenario.duration_s)} is no multiple of "
            f"{every}: the last row would cover less than the others",
            key=key,
            expected="a length that divides the duration",
        )

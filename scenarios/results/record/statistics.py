"""What a row that covers several steps tells of them: one variable of the record a statistic."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from gridloom.simulators.model import Port
from gridloom.simulators.signals import POWER, Signal, Statistic

Kept: TypeAlias = Literal["mean", "min", "max", "last", "sum", "point", "netted"]
"""What is kept of the steps of a row; 'point' is the value of the last of them, 'netted' the mean
of what was drawn or of what was fed in, whichever is smaller: so much of both the mean hides."""
NETTED_POWER = f"{POWER.name}_netted"
"""Variable beside a mean power that makes its energies exact: mean power drawn is max(P, 0) plus
it, and mean power fed in is max(-P, 0) plus it. Zero where a device did only one of both."""
_OWN: dict[str, Kept] = {"mean": "mean", "sum": "sum", "minimum": "min", "maximum": "max"}
"""CF cell method of a signal over a step to what its own variable is over several."""
_CELL_METHODS = {"mean": "mean", "sum": "sum", "min": "minimum", "max": "maximum"}
_LAST = "point (comment: last known value)"
_NETTED = "mean (interval: {} s comment: of power drawn or power fed in, whichever is smaller)"
_WORDS = {
    "mean": "mean of the steps",
    "min": "lowest of the steps",
    "max": "highest of the steps",
    "last": "last known of the steps",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One variable of the record that is made of one output of a model."""

    port: Port
    """As it is recorded."""
    output: str
    """Name of the model's output."""
    kept: Kept


def statistic_name(signal: Signal, statistic: Statistic) -> str:
    """Return the name of the variable that holds a statistic of a signal.

    >>> from gridloom.simulators.signals import LINE_CURRENT
    >>> statistic_name(LINE_CURRENT, "max")
    'line_current_a_max'
    """
    return f"{signal.name}_{statistic}"


def columns_of(port: Port, statistics: Iterable[Statistic], step_s: int) -> list[Column]:
    """Return the variables of an output: its own, and one for each other statistic.

    A mean power has another one, whatever is asked for: `NETTED_POWER`. It costs next to nothing,
    since zeros get short, and without it nobody knows the energies that a device drew and fed in.

    Args:
        port: the model's output.
        statistics: what to keep; the one that the own variable has adds nothing.
        step_s: seconds between the model's steps, which cell methods tell.
    """
    signal = port.signal
    own = _OWN.get(signal.cell_method, "point")
    method = _cell_method(own, step_s) if own in _CELL_METHODS else signal.cell_method
    columns = [
        Column(
            port=replace(port, signal=replace(signal, cell_method=method)),
            output=port.name,
            kept=own,
        )
    ]
    for statistic in dict.fromkeys(statistics):
        if statistic == own:
            continue
        recorded = replace(
            signal,
            name=statistic_name(signal, statistic),
            long_name=f"{signal.long_name}: {_WORDS[statistic]}",
            cell_method=_cell_method(statistic, step_s),
        )
        columns.append(
            Column(port=replace(port, signal=recorded), output=port.name, kept=statistic)
        )
    if signal.name == POWER.name and own == "mean":
        columns.append(_netted(port, step_s))
    return columns


def _netted(port: Port, step_s: int) -> Column:
    recorded = replace(
        port.signal,
        name=NETTED_POWER,
        long_name=f"{port.signal.long_name}: drawn as well as fed in within the row",
        positive="",
        cell_method=_NETTED.format(step_s),
    )
    return Column(port=replace(port, signal=recorded), output=port.name, kept="netted")


def _cell_method(kept: Kept, step_s: int) -> str:
    """Return the CF cell method over a row (CF conventions, section 7.3.3)."""
    return _LAST if kept == "last" else f"{_CELL_METHODS[kept]} (interval: {step_s} s)"

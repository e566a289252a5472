"""The rows of the models in an open record: their variables, and what a row tells of its steps."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

import h5py
import numpy as np

from gridloom.scenarios.results.record.layout import MODEL_STEP_SIZE, STEP_SIZE
from gridloom.scenarios.results.record.statistics import statistic_name
from gridloom.scenarios.results.wording import span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import LINE_CURRENT, Signal, Statistic

_RATED_CURRENT = "line_rated_current_a"


def recorded_groups(root: Any) -> dict[str, Any]:
    """Return the groups of an open record that hold rows, by their models' names."""
    return {
        name: group
        for name, group in root.items()
        if isinstance(group, h5py.Group) and "time" in group and STEP_SIZE in group.attrs
    }


def step_size_s(group: Any) -> int:
    """Return the seconds between the rows of a group."""
    return int(group.attrs[STEP_SIZE])


def variables_of(group: Any) -> dict[str, Any]:
    """Return the datasets of a group that have a row a step, or one for several.

    What such rows tell of their steps besides is no variable of its own: see `statistic_of`.
    """
    rows = {
        name: dataset
        for name, dataset in group.items()
        if name != "time" and "cell_methods" in dataset.attrs
    }
    statistics = _statistics_of(rows) if _covers_several_steps(group) else frozenset()
    return {name: dataset for name, dataset in rows.items() if name not in statistics}


def statistic_of(group: Any, signal: Signal, statistic: Statistic) -> str:
    """Return the variable with a statistic of a signal's steps; the signal's own if no other.

    Where each step has its own row there is no other, and none is needed.
    """
    name = statistic_name(signal, statistic)
    return name if _covers_several_steps(group) and name in group else signal.name


def row_lengths(groups: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return as JSON how long the rows are that cover several steps, and of which models."""
    models: dict[int, list[str]] = {}
    for name, group in groups.items():
        if _covers_several_steps(group):
            models.setdefault(step_size_s(group), []).append(name)
    return [{"length": span(step_s), "models": names} for step_s, names in sorted(models.items())]


def remark_of(dataset: Any) -> str:
    """Say what a variable tells of the steps of its row, as in '15-min mean'.

    It is '' where each step has its own row, and for what is known at the row's end.
    """
    method = str(dataset.attrs["cell_methods"]).removeprefix("time: ").split(" ", 1)[0]
    if not _covers_several_steps(dataset.parent) or method == "point":
        return ""
    return f"{span(step_size_s(dataset.parent)).replace(' ', '-')} {method}"


def line_names(group: Any) -> list[str]:
    """Return the names of the lines whose currents a group records; none if it records none."""
    variables = variables_of(group)
    is_grid = LINE_CURRENT.name in variables and variables[LINE_CURRENT.name].ndim == 3  # noqa: PLR2004 -- time, line, phase
    return names_along(variables[LINE_CURRENT.name], 1) if is_grid else []


def rated_currents_a(group: Any) -> FloatArray:
    """Return (line,) of the lines named, NaN where unknown."""
    lines = len(line_names(group))
    if not lines or _RATED_CURRENT not in group:
        return np.full(lines, np.nan)
    return np.asarray(group[_RATED_CURRENT][()], dtype=np.float64)


def names_along(dataset: Any, axis: int) -> list[str]:
    """Return the names of the elements along an axis."""
    scale = dataset.dims[axis][0] if len(dataset.dims[axis]) else None
    if scale is None or h5py.check_string_dtype(scale.dtype) is None:
        return [str(place) for place in range(dataset.shape[axis])]
    return [str(name) for name in scale.asstr()[()]]


def _covers_several_steps(group: Any) -> bool:
    return MODEL_STEP_SIZE in group.attrs


def _statistics_of(names: Iterable[str]) -> frozenset[str]:
    """Return the names that statistics of variables with these names have."""
    signals = (Signal(name=name, unit="", long_name="") for name in names)
    return frozenset(
        statistic_name(signal, statistic) for signal in signals for statistic in get_args(Statistic)
    )

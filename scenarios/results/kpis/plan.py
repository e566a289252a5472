"""How well controllers' plans foresaw what the AC power flow then gave.

The cosine similarity of the exchange with the external grid is the measure of Zafar et al., ISGT
Europe 2021, for the MILP's linear grid model. It tells of the shape and not of the size, so the
worst line current and voltage are told beside it. Where plans are solved in the AC power flow, the
loading they gave there stands beside the simulated one: what is between them was not foreseen.
"""

from math import lcm
from typing import TYPE_CHECKING

import numpy as np

from gridloom.controllers.telemetry import (
    PLANNED_BUS_VOLTAGE,
    PLANNED_LINE_CURRENT,
    PLANNED_LINE_LOADING,
    PLANNED_SLACK_POWER,
)
from gridloom.scenarios.results.kpis.decisions import controllers_of
from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.scenarios.results.kpis.several_steps import of_means
from gridloom.scenarios.results.kpis.window_means import window_means
from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import BUS_VOLTAGE, LINE_CURRENT, SLACK_POWER, Signal

if TYPE_CHECKING:
    import xarray as xr

_SIMILARITY = Indicator(
    name="plan_cosine_similarity",
    unit="1",
    group="Coordination",
    label="cosine similarity of planned and actual exchange with the external grid",
)
_CURRENT = Indicator(
    name="plan_worst_line_current_difference_a",
    unit="A",
    group="Coordination",
    label="largest error of a planned line current",
)
_VOLTAGE = Indicator(
    name="plan_worst_voltage_difference_pu",
    unit="1",
    group="Coordination",
    label="largest error of a planned voltage, pu",
)
_PLANNED_LOADING = Indicator(
    name="plan_line_loading_max_percent",
    unit="percent",
    group="Coordination",
    label="highest line loading of the plans that were followed, AC power flow",
)
_SIMULATED_LOADING = Indicator(
    name="plan_line_loading_simulated_max_percent",
    unit="percent",
    group="Coordination",
    label="highest line loading in the same intervals, simulated means",
)


def plan_kpis(record: "xr.DataTree", grid: Recording) -> list[Kpi]:
    """Return how far the grid was from what each controller planned.

    Both are compared as means over the controller's steps, which are the plan's intervals, or over
    rows of the record that cover more; steps without a plan or without a power flow solution count
    for nothing.

    - cosine similarity = sum p q / sqrt(sum p^2 sum q^2) of planned p and actual q;
    - largest errors: max |planned - actual| over intervals, elements and phases, in total and of
      the element where it is;
    - highest line loadings: of any line and phase, of the intervals that plans gave one for.
    """
    controllers = controllers_of(record)
    kpis: list[Kpi] = []
    for controller in controllers:
        of = controller.name if len(controllers) > 1 else ""
        found: list[Kpi] = []
        if PLANNED_SLACK_POWER.name in controller and SLACK_POWER.name in grid:
            found += _similarity(controller, grid, of)
        found += _largest_error(
            controller, grid, (PLANNED_LINE_CURRENT, LINE_CURRENT), _CURRENT, of
        )
        found += _largest_error(controller, grid, (PLANNED_BUS_VOLTAGE, BUS_VOLTAGE), _VOLTAGE, of)
        found += _highest_loadings(controller, grid, of)
        kpis += found if grid.divides(controller.step_s) else of_means(found, grid)
    return kpis


def _similarity(controller: Recording, grid: Recording, of: str) -> list[Kpi]:
    planned_kw, actual_kw = _on_intervals(controller, grid, PLANNED_SLACK_POWER, SLACK_POWER)
    known = np.isfinite(planned_kw) & np.isfinite(actual_kw)
    planned_kw, actual_kw = planned_kw[known], actual_kw[known]
    length = float(np.linalg.norm(planned_kw) * np.linalg.norm(actual_kw))
    return [_SIMILARITY.total(float(planned_kw @ actual_kw) / length, of)] if length else []


def _largest_error(
    controller: Recording,
    grid: Recording,
    signals: tuple[Signal, Signal],
    indicator: Indicator,
    of: str,
) -> list[Kpi]:
    """Compare a planned signal with the actual one, element by element."""
    planned, actual = signals
    if planned.name not in controller or actual.name not in grid:
        return []
    expected, happened = _on_intervals(controller, grid, planned, actual)
    kind = str(grid.rows[actual.name].dims[1])
    theirs = {name: place for place, name in enumerate(grid.names(kind))}
    ours = controller.names(str(controller.rows[planned.name].dims[1]))
    place = np.array([theirs.get(name, -1) for name in ours], dtype=np.intp)
    if expected.ndim < happened.ndim:  # a balanced plan stands for every phase
        expected = expected[..., None]
    error = np.abs(expected[:, place >= 0] - happened[:, place[place >= 0]])
    if not np.isfinite(error).any():
        return []
    worst_of_element = np.fmax.reduce(error, axis=(0, *range(2, error.ndim)))
    worst = int(np.nanargmax(worst_of_element))
    name = np.asarray(ours)[place >= 0][worst]
    return [
        indicator.total(worst_of_element[worst], of),
        indicator.part(worst_of_element[worst], f"{of} {name}".strip()),
    ]


def _highest_loadings(controller: Recording, grid: Recording, of: str) -> list[Kpi]:
    """Compare the most loaded line of the plans in the AC power flow with the simulated one."""
    needed = (LINE_CURRENT.name, "line_rated_current_a")
    if PLANNED_LINE_LOADING.name not in controller or any(name not in grid for name in needed):
        return []
    planned, current_a = _on_intervals(controller, grid, PLANNED_LINE_LOADING, LINE_CURRENT)
    happened = 100.0 * current_a / grid.values("line_rated_current_a")[:, None]
    known = np.isfinite(planned)
    if not np.isfinite(happened[known]).any():
        return []
    return [
        _PLANNED_LOADING.total(planned[known].max(), of),
        _SIMULATED_LOADING.total(np.nanmax(happened[known]), of),
    ]


def _on_intervals(
    controller: Recording, grid: Recording, planned: Signal, actual: Signal
) -> tuple[FloatArray, FloatArray]:
    """Return the means of both over the same intervals, (interval, ...)."""
    interval_s = lcm(controller.step_s, grid.step_s)
    expected = _means(controller, planned, interval_s)
    happened = _means(grid, actual, interval_s)
    count = min(len(expected), len(happened))
    return expected[:count], happened[:count]


def _means(recording: Recording, signal: Signal, interval_s: int) -> FloatArray:
    """Return a signal's means over intervals from the start, (interval, ...)."""
    shape = recording.rows[signal.name].shape[1:]
    blocks = (block.reshape(len(block), -1) for block in recording.blocks(signal.name))
    return window_means(blocks, recording.step_s, interval_s).reshape(-1, *shape)

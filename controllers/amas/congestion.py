"""Agents of lines, transformers and buses: each knows its own measurement and limit alone.

A critical agent tells the vehicles downstream of it in which direction they would relieve it: less
consumption where power flows towards them or the voltage is low, more where they feed in or it is
high. On a meshed grid 'downstream' follows the shortest electrical path to the source.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.amas.config import AmasConfig
from gridloom.controllers.amas.criticality import (
    anticipated_criticality,
    loading_criticality,
    voltage_loading,
)
from gridloom.controllers.controller import Observation
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    LINE_CURRENT,
    LINE_POWER,
    TRANSFORMER_LOADING,
)

_PERCENT = 100.0


@dataclass(frozen=True, kw_only=True)
class Relief:
    """What the charging points hear from the grid."""

    lower: FloatArray
    """(charging point,), worst criticality that less consumption would relieve."""
    higher: FloatArray
    """(charging point,), worst criticality that more consumption would relieve."""
    share: FloatArray
    """(charging point,), of its rated power, by which each may change at most in one step, 1 at
    most: all together must not throw a line above them from content to critical, or back. A line's
    agent knows how much power listens to it and tells each vehicle its share when somebody comes
    or leaves. This is what makes the rule independent of the size of the fleet."""
    messages: int
    """One from each critical agent to each vehicle downstream, and one to each of them whenever
    the shares change."""


class CongestionAgents:
    """All agents of one grid, as arrays."""

    def __init__(self, feeder: Feeder, points: NDArray[np.int64], config: AmasConfig) -> None:
        """Place the agents.

        Args:
            feeder: the grid.
            points: (charging point,), position among the grid's connection points.
            config: thresholds and gains.
        """
        self._config = config
        self._segments = feeder.segments
        self._lines = feeder.lines
        self._limits_pu = feeder.voltage_limits_pu
        tree = feeder.tree
        self._rated_a = feeder.line_rated_current_a
        self._sign = tree.downstream_sign[:, np.newaxis]
        self._segment = self._segments.of_point[points]
        self._phases = feeder.point_phases[points]
        self._all_points = len(feeder.point_names)
        self._points = points
        self._supplied_by = tree.parent_branch[feeder.bus_node]
        self._outgoing = _lines_below(feeder)
        self._last_a: FloatArray | None = None
        self._rated_kw = np.zeros(len(points))
        self._share = np.ones(len(points))

    def _shares(self, rated_kw: FloatArray, phases: int) -> FloatArray:
        """Return the share of each vehicle: the smallest that any line or transformer grants."""
        listening_kw = np.zeros((self._all_points, phases))
        listening_kw[self._points] = rated_kw[:, np.newaxis] * self._on_phase(phases)
        behind_kw = self._segments.subtree_sum(listening_kw)
        band_kw = (1.0 - self._config.critical_from) * self._segments.rated_kva / phases
        step_kw = np.broadcast_to(self._config.line_step * band_kw[:, np.newaxis], behind_kw.shape)
        share = np.ones_like(behind_kw)
        limits = (behind_kw > 0.0) & np.isfinite(step_kw)
        np.divide(step_kw, behind_kw, out=share, where=limits)
        tightest = -self._segments.path_maximum(-np.minimum(share, 1.0))
        at_points = np.where((self._segment >= 0)[:, np.newaxis], tightest[self._segment], 1.0)
        if phases > 1:
            at_points = np.where(self._phases, at_points, 1.0)
        narrowest: FloatArray = at_points.min(axis=1)
        return narrowest

    def _on_phase(self, phases: int) -> FloatArray:
        """Return how the power of each charging point is spread over the phases that are solved."""
        if phases == 1:
            return np.ones((len(self._points), 1))
        spread: FloatArray = self._phases / self._phases.sum(axis=1, keepdims=True)
        return spread

    def hear(self, observation: Observation, rated_kw: FloatArray) -> Relief:
        """Return what the charging points hear after a step.

        Args:
            observation: the grid's line currents and powers, transformer loadings and voltages.
            rated_kw: (charging point,), of who is plugged in; 0 where nobody is.
        """
        messages = 0
        if not np.array_equal(rated_kw, self._rated_kw):
            phases = observation[LINE_CURRENT.name].shape[1]
            self._rated_kw = rated_kw.copy()
            self._share = self._shares(rated_kw, phases)
            messages = int(np.count_nonzero(rated_kw))
        branch, lower, higher = self._critical_branches(observation)
        at = self._segments.of_branch[branch]
        heard = at >= 0
        at, lower, higher = at[heard], lower[heard], higher[heard]
        if not len(at):
            nothing = np.zeros(len(rated_kw))
            return Relief(lower=nothing, higher=nothing, share=self._share, messages=messages)
        return Relief(
            lower=self._at_points(at, lower),
            higher=self._at_points(at, higher),
            share=self._share,
            messages=messages + int(self._listeners(rated_kw > 0.0)[at].sum()),
        )

    def _critical_branches(
        self, observation: Observation
    ) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
        """Return which branches are critical, themselves or by the bus below: (agent, phase)."""
        lines = self._critical_lines(observation)
        transformers = self._critical_transformers(observation)
        buses = self._critical_buses(observation)
        phases = observation[LINE_CURRENT.name].shape[1]
        index = np.concatenate([each[0] for each in (lines, transformers, buses)])
        lower, higher = (
            np.concatenate(
                [
                    np.broadcast_to(each[side], (len(each[0]), phases))
                    for each in (lines, transformers, buses)
                ]
            )
            for side in (1, 2)
        )
        return index, lower, higher

    def _critical_lines(
        self, observation: Observation
    ) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
        current_a = observation[LINE_CURRENT.name]
        rated_a = self._rated_a[:, np.newaxis]
        # Most lines are content most of the time: only the others are looked at closely.
        critical = current_a > self._config.critical_from * rated_a
        index = np.flatnonzero(critical.any(axis=1))
        last_a, self._last_a = self._last_a, current_a
        if not len(index):
            return _nobody(current_a.shape[1])
        criticality = loading_criticality(
            current_a[index] / rated_a[index], self._config.critical_from
        )
        if last_a is not None:
            rise_a = current_a[index] - last_a[index]
            criticality = anticipated_criticality(
                criticality, rise_a, self._config.anticipation_per_a
            )
        downstream = observation[LINE_POWER.name][index] * self._sign[index] >= 0.0
        return index, criticality * downstream, criticality * ~downstream

    def _critical_transformers(
        self, observation: Observation
    ) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
        loading = observation[TRANSFORMER_LOADING.name] / _PERCENT
        index = np.flatnonzero(loading > self._config.critical_from)
        if not len(index):
            return _nobody(1)
        criticality = loading_criticality(loading[index], self._config.critical_from)
        through_kw = np.nansum(observation[LINE_POWER.name], axis=1)
        below, line = self._outgoing
        flow_kw = np.zeros(len(loading))
        np.add.at(flow_kw, below, through_kw[line] * self._sign[line, 0])
        downstream = (flow_kw[index] >= 0.0)[:, np.newaxis]
        column = criticality[:, np.newaxis]
        return self._lines + index, column * downstream, column * ~downstream

    def _critical_buses(
        self, observation: Observation
    ) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
        voltage_pu = observation[BUS_VOLTAGE.name]
        low, high = self._limits_pu
        share = self._config.critical_from
        outside = (voltage_pu < 1.0 - share * (1.0 - low)) | (
            voltage_pu > 1.0 + share * (high - 1.0)
        )
        index = np.flatnonzero(outside.any(axis=1) & (self._supplied_by >= 0))
        if not len(index):
            return _nobody(voltage_pu.shape[1])
        under, over = voltage_loading(voltage_pu[index], self._limits_pu)
        return (
            self._supplied_by[index],
            loading_criticality(under, share),
            loading_criticality(over, share),
        )

    def _at_points(self, segment: NDArray[np.int64], criticality: FloatArray) -> FloatArray:
        """Return the worst that each charging point hears on its path, on its own phases."""
        worst = np.zeros((len(self._segments), criticality.shape[1]))
        np.maximum.at(worst, segment, criticality)
        on_path = self._segments.path_maximum(worst)
        at_points: FloatArray = np.where(
            (self._segment >= 0)[:, np.newaxis], on_path[self._segment], 0.0
        )
        if at_points.shape[1] > 1:
            at_points = np.where(self._phases, at_points, 0.0)
        worst_phase: FloatArray = at_points.max(axis=1)
        return worst_phase

    def _listeners(self, plugged_in: NDArray[np.bool_]) -> FloatArray:
        """Return how many vehicles are downstream of each segment."""
        here = np.zeros(self._all_points)
        here[self._points] = plugged_in
        return self._segments.subtree_sum(here)


def _nobody(phases: int) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    nothing = np.zeros((0, phases))
    return np.zeros(0, dtype=np.int64), nothing, nothing


def _lines_below(feeder: Feeder) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs (transformer, line) of the lines that leave a transformer downstream."""
    sign = feeder.tree.downstream_sign
    node = feeder.bus_node
    line_top = np.where(sign >= 0, feeder.branch_from, feeder.branch_to)[: feeder.lines]
    below = np.where(sign >= 0, feeder.branch_to, feeder.branch_from)[feeder.lines :]
    in_tree = sign[: feeder.lines] != 0
    pairs = np.argwhere((node[line_top][np.newaxis, :] == node[below][:, np.newaxis]) & in_tree)
    return pairs[:, 0], pairs[:, 1]

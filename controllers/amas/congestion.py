"""Agents of lines, transformers and buses: each knows its own measurement and limit alone.

A critical agent tells the vehicles downstream of it in which direction they would relieve it: less
consumption where power flows towards them or the voltage is low, more where they feed in or it is
high. On a meshed grid 'downstream' follows the shortest electrical path to the source, so that a
line on none of these paths has nobody to tell.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.amas.config import AmasConfig
from gridloom.controllers.amas.criticality import (
    anticipated_criticality,
    loading_criticality,
    voltage_loading,
)
from gridloom.controllers.amas.listeners import Listeners
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
    """One from each critical agent and phase to each vehicle downstream on that phase, and one to
    every vehicle whenever the shares change."""


class Critical(NamedTuple):
    """Agents that are not content."""

    branch: NDArray[np.int64]
    """(agent,), its branch; that which supplies its bus."""
    lower: FloatArray
    """(agent, phase), criticality that less consumption downstream would relieve."""
    higher: FloatArray
    """(agent, phase), criticality that more consumption downstream would relieve."""


class CongestionAgents:
    """All agents of one grid, as arrays.

    Most are content most of the time: only the others are looked at closely.
    """

    def __init__(self, feeder: Feeder, points: NDArray[np.int64], config: AmasConfig) -> None:
        """Place the agents.

        Args:
            feeder: the grid.
            points: (charging point,), position among the grid's connection points.
            config: thresholds and gains.
        """
        self._config = config
        self._listeners = Listeners(feeder, points, config)
        self._segment_of = feeder.segments.of_branch
        self._lines = feeder.lines
        self._rated_a = feeder.line_rated_current_a[:, np.newaxis]
        self._critical_a = config.critical_from * self._rated_a
        self._limits_pu = feeder.voltage_limits_pu
        low, high = feeder.voltage_limits_pu
        content = 0.5 * config.critical_from * (high - low)
        self._content_pu = (low + high) / 2.0 - content, (low + high) / 2.0 + content
        self._sign = feeder.tree.downstream_sign[:, np.newaxis]
        self._supplied_by = feeder.tree.parent_branch
        self._outgoing = _outgoing_lines(feeder)
        self._last_a: FloatArray | None = None

    def hear(self, observation: Observation, rated_kw: FloatArray) -> Relief:
        """Return what the charging points hear after a step.

        Args:
            observation: the grid's line currents and powers, transformer loadings and voltages.
            rated_kw: (charging point,), of who is plugged in; 0 where nobody is.
        """
        messages = self._listeners.plug(rated_kw, observation[LINE_CURRENT.name].shape[1])
        critical = self._critical(observation)
        segment = self._segment_of[critical.branch]
        heard = segment >= 0
        segment, lower, higher = segment[heard], critical.lower[heard], critical.higher[heard]
        messages += self._listeners.count(segment, (lower > 0.0) | (higher > 0.0))
        return Relief(
            lower=self._listeners.worst(segment, lower),
            higher=self._listeners.worst(segment, higher),
            share=self._listeners.share,
            messages=messages,
        )

    def _critical(self, observation: Observation) -> Critical:
        """Return all agents that are not content."""
        phases = observation[LINE_CURRENT.name].shape[1]
        kinds = (
            self._critical_lines(observation),
            self._critical_transformers(observation, phases),
            self._critical_buses(observation),
        )
        return Critical(*(np.concatenate(parts) for parts in zip(*kinds, strict=True)))

    def _critical_lines(self, observation: Observation) -> Critical:
        current_a = observation[LINE_CURRENT.name]
        line = _rows(current_a > self._critical_a)
        now_a, rated_a = current_a[line], self._rated_a[line]
        criticality = loading_criticality(now_a / rated_a, self._config.critical_from)
        if self._last_a is not None:
            criticality = anticipated_criticality(
                criticality, now_a - self._last_a[line], self._config.anticipation_per_a
            )
        self._last_a = current_a.copy()
        downstream = observation[LINE_POWER.name][line] * self._sign[line] >= 0.0
        return Critical(line, criticality * downstream, criticality * ~downstream)

    def _critical_transformers(self, observation: Observation, phases: int) -> Critical:
        """Return the transformers; the lines that leave them tell which way power flows."""
        loading = observation[TRANSFORMER_LOADING.name] / _PERCENT
        transformer = np.flatnonzero(loading > self._config.critical_from)
        criticality = loading_criticality(loading[transformer], self._config.critical_from)
        above, line = self._outgoing
        below_kw = np.zeros(len(loading))
        if len(transformer):
            leaving_kw = np.nansum(observation[LINE_POWER.name][line], axis=1) * self._sign[line, 0]
            np.add.at(below_kw, above, leaving_kw)
        downstream = below_kw[transformer] >= 0.0
        lower, higher = (
            np.repeat((criticality * side)[:, np.newaxis], phases, axis=1)
            for side in (downstream, ~downstream)
        )
        return Critical(self._lines + transformer, lower, higher)

    def _critical_buses(self, observation: Observation) -> Critical:
        voltage_pu = observation[BUS_VOLTAGE.name]
        low, high = self._content_pu
        bus = _rows((voltage_pu < low) | (voltage_pu > high))
        bus = bus[self._supplied_by[bus] >= 0]
        under, over = (
            loading_criticality(loading, self._config.critical_from)
            for loading in voltage_loading(voltage_pu[bus], self._limits_pu)
        )
        return Critical(self._supplied_by[bus], under, over)


def _rows(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the rows of (agent, phase) in which anything is true, in order."""
    row: NDArray[np.int64] = np.flatnonzero(mask) // mask.shape[1]
    return row[np.diff(row, prepend=-1) > 0]


def _outgoing_lines(feeder: Feeder) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs (transformer, line) of the lines that leave a transformer downstream."""
    tree, lines = feeder.tree, slice(feeder.lines)
    sign = tree.downstream_sign[lines]
    upper_bus = np.where(sign > 0, feeder.branch_from[lines], feeder.branch_to[lines])
    above = tree.parent_branch[upper_bus]
    line = np.flatnonzero((sign != 0) & (above >= feeder.lines))
    return above[line] - feeder.lines, line

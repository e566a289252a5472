"""Which vehicles listen to the agent of which branch: those downstream of it, on its phases."""

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.amas.config import AmasConfig
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.model import FloatArray


class Listeners:
    """The vehicles that are plugged in, by the branches on their paths to the source."""

    def __init__(self, feeder: Feeder, points: NDArray[np.int64], config: AmasConfig) -> None:
        """Begin with nobody heard of.

        Args:
            feeder: the grid.
            points: (charging point,), position among the grid's connection points.
            config: thresholds and gains.
        """
        self._segments = feeder.segments
        self._points = points
        self._all_points = len(feeder.point_names)
        self._segment = self._segments.of_point[points]
        self._supplied = self._segment >= 0
        """Whether there is any branch between a charging point and its source."""
        self._phases = feeder.point_phases[points]
        band_kva = (1.0 - config.critical_from) * self._segments.rated_kva
        self._step_kva = np.where(np.isnan(band_kva), np.inf, config.line_step * band_kva)
        self._rated_kw = np.full(len(points), np.nan)
        self._count = np.zeros((len(self._segments), 1))
        self.share = np.ones(len(points))
        """(charging point,), see `Relief.share`."""

    def plug(self, rated_kw: FloatArray, phases: int) -> int:
        """Take notice of who is plugged in; return how many are told a new share.

        Args:
            rated_kw: (charging point,), 0 where nobody is.
            phases: how many are solved: 1 or 3.
        """
        if np.array_equal(rated_kw, self._rated_kw):
            return 0
        self._rated_kw = rated_kw.copy()
        plugged_in, connected = rated_kw > 0.0, self._connected(phases)
        listens = plugged_in[:, np.newaxis] & connected
        self._count = self._downstream(listens.astype(np.float64))
        spread = connected / connected.sum(axis=1, keepdims=True)
        self.share = self._shares(self._downstream(rated_kw[:, np.newaxis] * spread))
        return int(np.count_nonzero(plugged_in))

    def _shares(self, behind_kw: FloatArray) -> FloatArray:
        """Return the smallest share that any line or transformer on its path grants to each."""
        step_kw = self._step_kva[:, np.newaxis] / behind_kw.shape[1]
        share = np.ones_like(behind_kw)
        np.divide(step_kw, behind_kw, out=share, where=behind_kw > step_kw)
        return 1.0 - self.worst(np.arange(len(share)), 1.0 - share)

    def worst(self, segment: NDArray[np.int64], criticality: FloatArray) -> FloatArray:
        """Return the worst that each charging point hears on its path, on its own phases.

        Args:
            segment: (agent,), of each agent's branch.
            criticality: (agent, phase).

        Returns:
            (charging point,), 0 where nothing is heard.
        """
        at_points = np.zeros((len(self._points), criticality.shape[1]))
        if criticality.any():
            said = np.zeros((len(self._segments), criticality.shape[1]))
            np.maximum.at(said, segment, criticality)
            on_path = self._segments.path_maximum(said)
            at_points[self._supplied] = on_path[self._segment[self._supplied]]
            at_points *= self._connected(criticality.shape[1])
        worst_phase: FloatArray = at_points.max(axis=1)
        return worst_phase

    def count(self, segment: NDArray[np.int64], critical: NDArray[np.bool_]) -> int:
        """Return how many vehicles all critical agents have, each counted once an agent and phase.

        Args:
            segment: (agent,), of each agent's branch.
            critical: (agent, phase).
        """
        return int(self._count[segment][critical].sum())

    def _connected(self, phases: int) -> NDArray[np.bool_]:
        """Return which of the phases that are solved each charging point is on: (point, phase)."""
        return self._phases if phases > 1 else np.ones((len(self._points), 1), dtype=np.bool_)

    def _downstream(self, values: FloatArray) -> FloatArray:
        """Return the sum of the charging points downstream of each segment: (segment, phase)."""
        at_all = np.zeros((self._all_points, values.shape[1]))
        at_all[self._points] = values
        return self._segments.subtree_sum(at_all)

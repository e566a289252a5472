"""What lines carried over some time, against their ratings: the definitions of every report."""

from functools import reduce

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR


class LineUse:
    """Loading and overload of lines, block by block of time.

    - loading: current of the highest phase over the rated current;
    - overload duration: time with a current of any phase above the rating;
    - overload energy: sum (V / sqrt(3)) (I - I_rated) dt over the phases and the time in which
      their current I exceeds the rating, with the nominal voltage V between phases: apparent
      energy. A balanced current counts for three phases.

    What is unknown (no rating, no supply, not solved) counts as no overload.
    """

    def __init__(self, rated_a: FloatArray, step_s: int) -> None:
        """Begin with nothing.

        Args:
            rated_a: (line,), NaN where unknown.
            step_s: for how long each current flows.
        """
        self._rated_a, self._step_s = rated_a, step_s
        self.highest_a = np.full(len(rated_a), np.nan)
        """(line,), highest current of any phase, NaN where unknown."""
        self.overload_s = np.zeros(len(rated_a))
        """(line,)"""
        self.any_overload_s = 0.0
        """Time during which at least one line was overloaded."""
        self._excess_as = np.zeros(len(rated_a))

    def add(self, phase_current_a: FloatArray) -> FloatArray:
        """Take currents into account: (time, line, phase).

        Returns:
            (time, line), current of the highest phase, NaN where unknown.
        """
        phases = np.moveaxis(phase_current_a, 2, 0)  # whole phases at once are far quicker
        current_a: FloatArray = reduce(np.fmax, phases)
        overloaded: NDArray[np.bool_] = current_a > self._rated_a
        self.highest_a = np.fmax(self.highest_a, np.fmax.reduce(current_a, axis=0))
        self.overload_s += overloaded.sum(axis=0) * self._step_s
        self.any_overload_s += np.count_nonzero(overloaded.any(axis=1)) * self._step_s
        lines = np.flatnonzero(overloaded.any(axis=0))
        if lines.size:
            excess_a = np.fmax(phases[:, :, lines] - self._rated_a[lines], 0.0).sum(axis=0)
            # Balanced, one current stands for three phases.
            self._excess_as[lines] += excess_a.sum(axis=0) * (3 / len(phases)) * self._step_s
        return current_a

    @property
    def percent(self) -> FloatArray:
        """(line,), highest loading."""
        percent: FloatArray = 100.0 * self.highest_a / self._rated_a
        return percent

    def overload_kvah(self, nominal_voltage_kv: FloatArray) -> FloatArray:
        """Return the energy above the ratings: (line,).

        Args:
            nominal_voltage_kv: (line,), between phases.
        """
        energy: FloatArray = nominal_voltage_kv / np.sqrt(3.0) * self._excess_as / SECONDS_PER_HOUR
        return energy

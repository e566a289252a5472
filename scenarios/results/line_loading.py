"""The loading of every line over a run, and of the most loaded one in detail."""

from dataclasses import dataclass

import numpy as np

from gridloom.scenarios.results.recording import Recording
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import LINE_CURRENT


@dataclass(frozen=True, kw_only=True)
class LineLoading:
    """Highest current of each line over the run, and the line it matters most for."""

    names: tuple[str, ...]
    rated_a: FloatArray
    """(line,), NaN where unknown."""
    highest_a: FloatArray
    """(line,), highest current of any phase; NaN for a line without supply."""
    worst: int
    """Position of the line with the highest loading; without ratings, the highest current."""

    @property
    def percent(self) -> FloatArray:
        """(line,), highest current over rated current."""
        return 100.0 * self.highest_a / self.rated_a

    @property
    def overloaded(self) -> list[int]:
        """Positions of the lines that exceed their rating, most loaded first."""
        percent = self.percent
        order = np.argsort(-np.nan_to_num(percent, nan=-np.inf), kind="stable")
        return [int(line) for line in order if percent[line] > 100.0]  # noqa: PLR2004


def line_loading(grid: Recording) -> LineLoading | None:
    """Return the lines' loading, or None if there are no lines or no solved step."""
    names = tuple(grid.names("line"))
    highest_a = np.full(len(names), np.nan)
    for current_a in grid.blocks(grid.statistic(LINE_CURRENT, "max")):
        if current_a.size:
            over_time_a = np.fmax.reduce(current_a, axis=0)  # one axis at a time is far quicker
            highest_a = np.fmax(highest_a, np.fmax.reduce(over_time_a, axis=1))
    known = "line_rated_current_a" in grid
    rated_a = grid.values("line_rated_current_a") if known else np.full(len(names), np.nan)
    ratio = highest_a / rated_a
    ranking = ratio if np.isfinite(ratio).any() else highest_a
    if not np.isfinite(ranking).any():
        return None
    return LineLoading(
        names=names, rated_a=rated_a, highest_a=highest_a, worst=int(np.nanargmax(ranking))
    )

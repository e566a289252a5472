"""The table 'Where the time went', as the report and the command line print it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gridloom.scenarios.results.wall_times import WallTimeRow, WallTimes
from gridloom.scenarios.results.wording import MINUS

_MS = 1e3
_DECIMALS_BELOW = ((10.0, 2), (100.0, 1))
"""Of a time: two or three digits that mean something."""


@dataclass(frozen=True, kw_only=True)
class WallTimeLine:
    """One line; '' where a column says nothing."""

    name: str
    steps: str
    mean_ms: str
    longest_ms: str
    step_s: str
    transfer_s: str
    waiting_s: str
    spent_s: str
    share_percent: str
    step_bar_percent: float
    """Length of the part of the bar that stands for computing."""
    transfer_bar_percent: float

    @classmethod
    def of(cls, row: WallTimeRow) -> Self:
        """Write a row of the table."""
        times = row.times
        moved = times.transfer_s / row.spent_s if times is not None and row.spent_s else 0.0
        bar = max(0.0, 100 * row.share)
        return cls(
            name=row.name,
            steps="" if times is None else str(times.steps),
            mean_ms=_text(row.mean_s, _MS),
            longest_ms=_text(None if times is None else times.longest_s, _MS),
            step_s=_text(None if times is None else times.step_s),
            transfer_s=_text(None if times is None else times.transfer_s),
            waiting_s=_text(row.waiting_s),
            spent_s=_text(row.spent_s),
            share_percent=_signed(100 * row.share, 1),
            step_bar_percent=round(bar * (1 - moved), 1),
            transfer_bar_percent=round(bar * moved, 1),
        )


def wall_time_lines(attributes: Mapping[Any, Any]) -> list[WallTimeLine]:
    """Return the table of a record with these attributes; none where they do not say."""
    times = WallTimes.of(attributes)
    return [] if times is None else [WallTimeLine.of(row) for row in times.rows()]


def _text(value: float | None, scale: float = 1.0) -> str:
    if value is None:
        return ""
    scaled = value * scale
    decimals = next((d for limit, d in _DECIMALS_BELOW if abs(scaled) < limit), 0)
    return _signed(scaled, decimals)


def _signed(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", MINUS)

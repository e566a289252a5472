"""How numbers, durations and instants are written for readers."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.instants import read_instant

if TYPE_CHECKING:
    import xarray as xr

_QUARTER_S = 900
_NEGLIGIBLE = 1e-9
"""What floats leave where sums cancel, in any unit a report uses."""
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


def number(value: float, digits: int = 3) -> str:
    """Write a number with ``digits`` significant digits, integers of any size in full.

    >>> number(134.26), number(0.6842), number(12345.6), number(65.0)
    ('134', '0.684', '12346', '65')
    """
    if not math.isfinite(value):
        return DASH
    if abs(value) < _NEGLIGIBLE:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text.replace("-", MINUS)


def span(seconds: float) -> str:
    """Write a duration in the unit that reads best.

    >>> span(45), span(672), span(9000)
    ('45 s', '11.2 min', '2.5 h')
    """
    if seconds < 120:  # noqa: PLR2004 -- two minutes
        return f"{number(seconds)} s"
    if seconds < 7200:  # noqa: PLR2004 -- two hours
        return f"{number(round(seconds / 60, 1), 4)} min"
    return f"{number(round(seconds / 3600, 1), 5)} h"


def counted(count: int, noun: str) -> str:
    """Write a count with its noun.

    >>> counted(1, "departure"), counted(3, "departure")
    ('1 departure', '3 departures')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@dataclass(frozen=True)
class LocalTime:
    """The clock of a scenario: its start with the offset from UTC."""

    start: datetime
    """Aware of its time zone."""

    @classmethod
    def of(cls, record: "xr.DataTree", scenario: dict[str, Any]) -> "LocalTime":
        """Return the clock of a record; UTC where it does not say."""
        text = scenario.get("start") or record.attrs.get("start")
        start = read_instant(text) if text else datetime(1970, 1, 1, tzinfo=UTC)
        return cls(start if start.tzinfo else start.replace(tzinfo=UTC))

    @property
    def zone(self) -> str:
        """The zone as readers know it, as in 'UTC+01:00' or 'Europe/Berlin'."""
        if isinstance(self.start.tzinfo, ZoneInfo):
            return self.start.tzinfo.key
        minutes = round(self.offset.total_seconds() / 60)
        if not minutes:
            return "UTC"
        sign = "+" if minutes > 0 else MINUS
        return f"UTC{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"

    @property
    def offset(self) -> timedelta:
        """Local time minus UTC at the start."""
        return self.start.utcoffset() or timedelta()

    def local(self, time: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
        """Return UTC time stamps as local ones."""
        if not isinstance(self.start.tzinfo, ZoneInfo):
            fixed: NDArray[np.datetime64] = time + np.timedelta64(self.offset)
            return fixed
        # Clocks change at quarters of an hour.
        quarters = np.asarray(time).astype("datetime64[s]").astype(np.int64) // _QUARTER_S
        unique, inverse = np.unique(quarters, return_inverse=True)
        offsets = [self._offset_s(int(quarter) * _QUARTER_S) for quarter in unique]
        moved = np.array(offsets, dtype="timedelta64[s]")[inverse].reshape(quarters.shape)
        local: NDArray[np.datetime64] = time + moved
        return local

    def _offset_s(self, epoch_s: int) -> int:
        offset = datetime.fromtimestamp(epoch_s, self.start.tzinfo).utcoffset()
        return 0 if offset is None else offset // timedelta(seconds=1)

    def clock(self, time: np.datetime64) -> str:
        """Write a UTC time stamp as local time of day, with the date if it is not the first."""
        local = self.local(np.asarray(time)).astype("datetime64[s]").item()
        first = self.start.date()
        return f"{local:%H:%M:%S}" if local.date() == first else f"{local:%Y-%m-%d %H:%M:%S}"

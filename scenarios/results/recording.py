"""What a record holds, found by what its groups record and not by their names."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.record.layout import STEP_SIZE
from gridloom.scenarios.results.wording import LocalTime
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import IMBALANCE, LINE_CURRENT, POWER, STATE_OF_CHARGE
from gridloom.simulators.tariff_signals import COST

if TYPE_CHECKING:
    import xarray as xr

_BLOCK_VALUES = 4_000_000
"""Values in memory at once: 32 MB."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The rows of one model."""

    name: str
    rows: "xr.Dataset"
    step_s: int
    """Seconds between rows."""

    def __contains__(self, variable: str) -> bool:
        return variable in self.rows

    @property
    def start(self) -> NDArray[np.datetime64]:
        """(time,), UTC, when each row begins."""
        return self.rows["time"].to_numpy()

    @property
    def edges(self) -> NDArray[np.datetime64]:
        """(time + 1,), UTC, the beginnings of all rows and the end of the last."""
        return np.append(self.start, self.end[-1])

    @property
    def end(self) -> NDArray[np.datetime64]:
        """(time,), UTC, when each row ends: the instant of its 'point' values."""
        end: NDArray[np.datetime64] = self.start + np.timedelta64(self.step_s, "s")
        return end

    def values(self, variable: str) -> FloatArray:
        """Return a variable as an array of floats."""
        return np.asarray(self.rows[variable].to_numpy(), dtype=np.float64)

    def names(self, dimension: str) -> list[str]:
        """Return the names of the elements along a dimension."""
        if dimension not in self.rows:
            return [str(place) for place in range(self.rows.sizes[dimension])]
        return [str(name) for name in self.rows[dimension].to_numpy()]

    def blocks(self, variable: str) -> Iterator[FloatArray]:
        """Yield a variable's rows block by block, in order: a long run need not fit in memory."""
        array = self.rows[variable]
        length = array.sizes["time"]
        row_values = max(1, array.size // max(1, length))
        step = max(1, _BLOCK_VALUES // row_values)
        for begin in range(0, length, step):
            block = array.isel(time=slice(begin, begin + step))
            yield np.asarray(block.to_numpy(), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class RecordParts:
    """The groups of a record, by what they record."""

    grid: Recording | None
    markets: tuple[Recording, ...]
    tariffs: tuple[Recording, ...]
    """Whatever tells the cost of energy to customers, each or all together."""
    devices: tuple[Recording, ...]
    """Whatever has a power at connection points, load convention."""
    storages: tuple[Recording, ...]
    """Whatever has a state of charge."""
    scenario: Mapping[str, Any]
    """The resolved scenario; empty if the record has none."""
    clock: LocalTime


def parts_of(record: "xr.DataTree") -> RecordParts:
    """Sort the groups of a record; groups without rows are left out."""
    recordings = [
        Recording(
            name=name,
            rows=node.to_dataset(inherit=False),
            step_s=int(node.attrs.get(STEP_SIZE, 1)),
        )
        for name, node in record.children.items()
        if node.sizes.get("time", 0)
    ]

    def recorders(signal: str, dimensions: int) -> tuple[Recording, ...]:
        """Return those that record a signal in this many dimensions over time."""
        return tuple(
            r
            for r in recordings
            if signal in r.rows
            and r.rows[signal].ndim == dimensions
            and r.rows[signal].dims[0] == "time"
        )

    scenario = json.loads(record.attrs.get("scenario") or "{}")
    grids = recorders(LINE_CURRENT.name, 3)
    return RecordParts(
        grid=grids[0] if grids else None,
        markets=recorders(IMBALANCE.name, 1),
        tariffs=(*recorders(COST.name, 1), *recorders(COST.name, 2)),
        devices=recorders(POWER.name, 2),
        storages=recorders(STATE_OF_CHARGE.name, 2),
        scenario=scenario,
        clock=LocalTime.of(record, scenario),
    )

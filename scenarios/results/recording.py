"""What a record holds, found by what its groups record and not by their names."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.results.record.layout import MODEL_STEP_SIZE, STEP_SIZE
from gridloom.scenarios.results.record.statistics import NETTED_POWER, statistic_name
from gridloom.scenarios.results.wording import LocalTime, span
from gridloom.simulators.model import FloatArray
from gridloom.simulators.signals import (
    IMBALANCE,
    LINE_CURRENT,
    POWER,
    STATE_OF_CHARGE,
    Signal,
    Statistic,
)
from gridloom.simulators.tariff_signals import COST

if TYPE_CHECKING:
    import xarray as xr

_BLOCK_VALUES = 1_000_000
"""Values in memory at once: 8 MB."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The rows of one model."""

    name: str
    rows: "xr.Dataset"
    step_s: int
    """Seconds between rows."""
    model_step_s: int | None = None
    """Seconds between the model's steps, where a row covers several; None: each has its own row."""

    @classmethod
    def of(cls, name: str, group: "xr.DataTree") -> "Recording":
        """Return what a group of a record holds.

        Args:
            name: of the model.
            group: of its rows.
        """
        model_step_s = group.attrs.get(MODEL_STEP_SIZE)
        return cls(
            name=name,
            rows=group.to_dataset(inherit=False),
            step_s=int(group.attrs.get(STEP_SIZE, 1)),
            model_step_s=None if model_step_s is None else int(model_step_s),
        )

    @property
    def covers_several_steps(self) -> bool:
        """Whether a row stands for several steps: values are means, sums, or those at its end."""
        return self.model_step_s is not None

    @property
    def steps(self) -> int:
        """How many steps of the model all rows stand for."""
        return int(self.rows.sizes["time"]) * (self.step_s // (self.model_step_s or self.step_s))

    def statistic(self, signal: Signal, statistic: Statistic) -> str:
        """Return the variable with a statistic of a signal's steps; the signal's own if no other.

        That is exact where `tells` says so.
        """
        name = statistic_name(signal, statistic)
        return name if name in self.rows else signal.name

    def tells(self, signal: Signal, statistic: Statistic) -> bool:
        """Whether `statistic` is that of the steps, and not that of the rows' own values."""
        return not self.covers_several_steps or statistic_name(signal, statistic) in self.rows

    @property
    def tells_both_ways(self) -> bool:
        """Whether what the steps' power drew and what it fed in can be told apart."""
        return not self.covers_several_steps or NETTED_POWER in self.rows

    def divides(self, length_s: int) -> bool:
        """Whether means over times of this length can be had: whole rows, or rows that hold."""
        return not self.covers_several_steps or length_s % self.step_s == 0

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


def rows_of_several_steps(record: "xr.DataTree") -> str:
    """Say which models' rows cover several steps, and what their values are; '' if none does.

    As in "one row every 15 min of grid, load: means of the steps, states at the end".
    """
    models: dict[int, list[str]] = {}
    for name, node in record.children.items():
        if MODEL_STEP_SIZE in node.attrs:
            models.setdefault(int(node.attrs[STEP_SIZE]), []).append(name)
    rows = [
        f"one row every {span(length_s)} of {', '.join(names)}"
        for length_s, names in sorted(models.items())
    ]
    return f"{'; '.join(rows)}: means of the steps, states at the end" if rows else ""


def parts_of(record: "xr.DataTree") -> RecordParts:
    """Sort the groups of a record; groups without rows are left out."""
    recordings = [
        Recording.of(name, node)
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

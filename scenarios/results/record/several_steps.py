"""Puts the steps of a model together to rows, each of which covers several.

What is not a number counts for nothing: a mean is that over the known values, and a statistic is
NaN only where no step of the row has a value.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Protocol

import numpy as np

from gridloom.scenarios.results.record.statistics import Column
from gridloom.simulators.errors import RecordError
from gridloom.simulators.model import FloatArray

_STEPS_AT_ONCE = 64
"""They are collected before anything is computed: a step at a time, calls would take longest."""
_BUFFER_BYTES = 8 * 1024**2


class RowOfSteps:
    """The row of one model that its steps are put together to, one after the other."""

    def __init__(
        self, model: str, columns: Sequence[Column], *, step_s: int, length_s: int
    ) -> None:
        """Begin with nothing.

        Args:
            model: its name.
            columns: the variables of its record.
            step_s: seconds between its steps.
            length_s: seconds that a row covers, a multiple of ``step_s``.
        """
        self._model, self._step_s, self._length_s = model, step_s, length_s
        shapes = {column.output: column.port.shape for column in columns}
        width = sum(prod(shape) for shape in shapes.values())
        steps = min(_STEPS_AT_ONCE, length_s // step_s, _BUFFER_BYTES // (8 * max(1, width)))
        self._steps = {name: np.empty((max(1, steps), *shape)) for name, shape in shapes.items()}
        """Output to (step, *its shape)."""
        self._room = max(1, steps)
        self._filled = 0
        self._kept = {column.port.name: (column.output, _kept(column)) for column in columns}
        self._next_s = 0

    @property
    def begins_s(self) -> int:
        """When the row begins that is next to be complete, seconds since the start."""
        return self._next_s // self._length_s * self._length_s

    def is_due(self, time_s: int) -> bool:
        """Whether the next step is that at ``time_s``."""
        return time_s == self._next_s

    def take(self, time_s: int, outputs: Mapping[str, FloatArray]) -> bool:
        """Take over what the model sent for the step at ``time_s``; return whether that ends a row.

        Raises:
            RecordError: an output is missing, or a step.
        """
        if time_s != self._next_s:
            raise RecordError(
                f"model '{self._model}' sent its step of {time_s} s when that of {self._next_s} s "
                "was due"
            )
        try:
            for name, steps in self._steps.items():
                steps[self._filled] = outputs[name]
        except KeyError as missing:
            raise RecordError(f"model '{self._model}' sent no {missing} at {time_s} s") from None
        self._filled += 1
        self._next_s += self._step_s
        ends = self._next_s % self._length_s == 0
        if ends or self._filled == self._room:
            for output, kept in self._kept.values():
                kept.add(self._steps[output][: self._filled])
            self._filled = 0
        return ends

    def close(self) -> dict[str, FloatArray]:
        """Return the row that has ended, variable to array, and begin the next."""
        return {name: kept.close() for name, (_, kept) in self._kept.items()}


class _Kept(Protocol):
    """What is kept of the steps of one output."""

    def add(self, steps: FloatArray) -> None:
        """Take steps into account: (step, ...)."""

    def close(self) -> FloatArray:
        """Return it for the row, and begin with nothing."""


def _kept(column: Column) -> _Kept:
    shape = column.port.shape
    match column.kept:
        case "mean" | "sum" as total:
            return _Total(shape, is_mean=total == "mean")
        case "min":
            return _Extreme(shape, np.fmin)
        case "max":
            return _Extreme(shape, np.fmax)
        case "last":
            return _LastKnown(shape)
        case "point":
            return _Point(shape)
        case "netted":
            return _Netted(shape)


class _Total:
    def __init__(self, shape: tuple[int, ...], *, is_mean: bool) -> None:
        self._shape, self._is_mean = shape, is_mean
        self._begin()

    def _begin(self) -> None:
        self._sum, self._count = np.zeros(self._shape), np.zeros(self._shape)

    def add(self, steps: FloatArray) -> None:
        total = steps.sum(axis=0)
        if np.isnan(total).any():
            known = ~np.isnan(steps)
            total = np.where(known, steps, 0.0).sum(axis=0)
            self._count += known.sum(axis=0)
        else:
            self._count += len(steps)
        self._sum += total

    def close(self) -> FloatArray:
        value = np.full(self._shape, np.nan)
        divisor = self._count if self._is_mean else np.ones(self._shape)
        np.divide(self._sum, divisor, out=value, where=self._count > 0)
        self._begin()
        return value


class _Extreme:
    def __init__(self, shape: tuple[int, ...], smaller_or_larger: np.ufunc) -> None:
        self._pick = smaller_or_larger
        self._nothing = np.full(shape, np.nan)
        self._value = self._nothing

    def add(self, steps: FloatArray) -> None:
        self._value = self._pick(self._value, self._pick.reduce(steps, axis=0))

    def close(self) -> FloatArray:
        value, self._value = self._value, self._nothing
        return value


class _Netted:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._begin()

    def _begin(self) -> None:
        self._drawn, self._fed_in, self._count = (np.zeros(self._shape) for _ in range(3))

    def add(self, steps: FloatArray) -> None:
        self._drawn += np.fmax(steps, 0.0).sum(axis=0)  # of NaN and zero, that is zero
        self._fed_in += np.fmax(-steps, 0.0).sum(axis=0)
        self._count += (~np.isnan(steps)).sum(axis=0)

    def close(self) -> FloatArray:
        value = np.full(self._shape, np.nan)
        smaller = np.minimum(self._drawn, self._fed_in)
        np.divide(smaller, self._count, out=value, where=self._count > 0)
        self._begin()
        return value


class _Point:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self._value = np.full(shape, np.nan)

    def add(self, steps: FloatArray) -> None:
        self._value = steps[-1].copy()

    def close(self) -> FloatArray:
        return self._value


class _LastKnown:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self._nothing = np.full(shape, np.nan)
        self._value = self._nothing

    def add(self, steps: FloatArray) -> None:
        known = ~np.isnan(steps)
        last = len(steps) - 1 - known[::-1].argmax(axis=0)
        values = np.take_along_axis(steps, last[np.newaxis], axis=0)[0]
        self._value = np.where(known.any(axis=0), values, self._value)

    def close(self) -> FloatArray:
        value, self._value = self._value, self._nothing
        return value

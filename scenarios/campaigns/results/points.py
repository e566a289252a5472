"""All points of a campaign as plain arrays: what was asked for, and what became of it."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridloom.scenarios.campaigns.index import IndexedRun
from gridloom.scenarios.campaigns.outcome import Fault, RunState
from gridloom.scenarios.campaigns.point import Axis, Parameter

Codes: TypeAlias = NDArray[np.int64]
"""Places in a sequence, -1 for none."""
STATES, FAULTS = tuple(RunState), tuple(Fault)
_NONE = -1


@dataclass(frozen=True, kw_only=True)
class Points:
    """The points of a campaign in the order of their numbers; all arrays have a row each."""

    axes: tuple[Axis, ...]
    numbers: Codes
    parameters: Codes
    """(points, axes), place of the value among the axis' labels."""
    states: Codes
    """Place among `STATES`."""
    faults: Codes
    """Place among `FAULTS`."""
    reasons: Codes
    """Place among `reason_texts`."""
    reason_texts: tuple[str, ...]
    digests: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.numbers)

    def in_state(self, state: RunState) -> NDArray[np.bool_]:
        """Return which points' runs are in a state."""
        return np.asarray(self.states == STATES.index(state))

    def labels(self, row: int) -> list[Parameter]:
        """Return the value of each axis at a point."""
        return [
            axis.labels[code]
            for axis, code in zip(self.axes, self.parameters[row].tolist(), strict=True)
        ]

    def fault(self, row: int) -> str:
        """Return why the run of a point failed, '' if it did not."""
        code = int(self.faults[row])
        return "" if code < 0 else FAULTS[code].value

    def reason(self, row: int) -> str:
        """Return in which words it failed."""
        return self.reason_texts[int(self.reasons[row])]


def read_points(axes: Sequence[Axis], runs: Iterable[IndexedRun]) -> Points:
    """Read the points of a campaign, one after the other."""
    codes = [{label: place for place, label in enumerate(axis.labels)} for axis in axes]
    numbers, parameters = array("q"), array("q")
    states, faults, reasons = array("q"), array("q"), array("q")
    texts: dict[str, int] = {}
    digests: list[str] = []
    for run in runs:
        numbers.append(run.number)
        parameters.extend(
            code[run.parameters[axis.name]] for axis, code in zip(axes, codes, strict=True)
        )
        states.append(STATES.index(run.state))
        faults.append(FAULTS.index(run.fault) if run.fault else _NONE)
        reasons.append(texts.setdefault(run.reason, len(texts)))
        digests.append(run.digest)
    return Points(
        axes=tuple(axes),
        numbers=_codes(numbers),
        parameters=_codes(parameters).reshape(len(numbers), len(axes)),
        states=_codes(states),
        faults=_codes(faults),
        reasons=_codes(reasons),
        reason_texts=tuple(texts),
        digests=np.array(digests, dtype=np.str_),
    )


def _codes(places: "array[int]") -> Codes:
    return np.frombuffer(places, dtype=np.int64) if places else np.zeros(0, dtype=np.int64)

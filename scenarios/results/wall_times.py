"""Where a run's wall time went, as its record says and readers are told.

Times depend on the machine, so that they are no part of the datasets: they are one attribute of the
record's root (`wall_times`, JSON), and two runs with equal results keep equal datasets.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

ATTRIBUTE = "wall_times"
RECORDING, MOSAIK = "recording", "mosaik"
START, END, AT_ONCE = "start", "end", "at once"


@dataclass(frozen=True, kw_only=True)
class StepTimes:
    """Wall times of one simulator's steps, or of recording."""

    steps: int
    step_s: float
    """Computing."""
    transfer_s: float
    """Handing inputs and outputs over: adding up, checking, and between processes also packing,
    sending, and until gridloom takes the answer."""
    longest_s: float
    """The longest step, its transfer included."""
    parts_s: Mapping[str, float] = field(default_factory=dict)
    """What of computing took long, as the model itself says (`Model.wall_times_s`)."""

    @property
    def spent_s(self) -> float:
        """All steps, their transfers included."""
        return self.step_s + self.transfer_s


@dataclass(frozen=True, kw_only=True)
class WallTimeRow:
    """A line of the table; None where a column says nothing."""

    name: str
    spent_s: float
    share: float
    """Of the run's wall time; all lines but the last add up to 1."""
    times: StepTimes | None = None
    waiting_s: float | None = None
    """The rest of the time between start and end: the simulator had no step under way."""

    @property
    def mean_s(self) -> float | None:
        """Mean wall time a step, its transfer included."""
        return self.times.spent_s / self.times.steps if self.times and self.times.steps else None


@dataclass(frozen=True, kw_only=True)
class WallTimes:
    """The wall time of a run, taken apart.

    total = start + models' steps and transfers + recording + mosaik + end - what ran at once
    """

    total_s: float
    """From the first process that is started to the record's end."""
    start_s: float
    """Until all simulators are ready for their first step."""
    end_s: float
    """From the end of the last step."""
    mosaik_s: float
    """Between start and end, with nothing under way: scheduling and data flow."""
    recording: StepTimes
    models: Mapping[str, StepTimes]

    @property
    def stepping_s(self) -> float:
        """Between start and end."""
        return self.total_s - self.start_s - self.end_s

    @property
    def at_once_s(self) -> float:
        """What is counted twice or more, because several simulators were under way at once."""
        parts = [self.start_s, self.end_s, self.mosaik_s, self.recording.spent_s]
        return sum(parts) + sum(times.spent_s for times in self.models.values()) - self.total_s

    def as_json(self) -> str:
        """Return the attribute of the record."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, attributes: Mapping[Any, Any]) -> Self | None:
        """Return the wall times that a record's attributes tell; None in records without."""
        text = attributes.get(ATTRIBUTE)
        if text is None:
            return None
        known = json.loads(text)
        models = {name: StepTimes(**times) for name, times in known.pop("models").items()}
        return cls(**known | {"recording": StepTimes(**known["recording"]), "models": models})

    def rows(self) -> list[WallTimeRow]:
        """Return the table: simulators by the time they took, everything else, the total."""
        models = sorted(self.models.items(), key=lambda item: -item[1].spent_s)
        rows = [
            self._row(name, times.spent_s, times, self.stepping_s - times.spent_s)
            for name, times in models
        ]
        rows += [
            self._row(RECORDING, self.recording.spent_s, self.recording),
            self._row(MOSAIK, self.mosaik_s),
            self._row(START, self.start_s),
            self._row(END, self.end_s),
        ]
        if self.at_once_s > _NEGLIGIBLE * self.total_s:
            rows.append(self._row(AT_ONCE, -self.at_once_s))
        return [*rows, self._row("total", self.total_s)]

    def _row(
        self,
        name: str,
        spent_s: float,
        times: StepTimes | None = None,
        waiting_s: float | None = None,
    ) -> WallTimeRow:
        share = spent_s / self.total_s if self.total_s else 0.0
        return WallTimeRow(
            name=name, spent_s=spent_s, share=share, times=times, waiting_s=waiting_s
        )


_NEGLIGIBLE = 1e-6
"""What floats leave of a difference."""

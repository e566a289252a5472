"""What a record says of its run, apart from its rows."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gridloom.scenarios.results.record.origin import scenario_of
from gridloom.scenarios.results.wording import LocalTime
from gridloom.simulators.errors import RecordError
from gridloom.simulators.quantities import parse_duration

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- of local time


@dataclass
class RunDescription:
    """One run."""

    title: str
    variant: str
    digest: str
    clock: LocalTime
    duration_s: int | None
    """None where the record does not tell."""
    wall_time_s: float | None = None
    """Known once it has ended."""

    def note_end(self, root: Any) -> None:
        """Note what a record says once its run has ended."""
        wall_time_s = root.attrs.get("wall_time_s")
        self.wall_time_s = None if wall_time_s is None else float(wall_time_s)

    def mean_speed(self, time_s: int) -> float | None:
        """Return simulated time over wall time of the whole run, None as long as it goes on."""
        return time_s / self.wall_time_s if self.wall_time_s else None

    def as_json(self) -> dict[str, Any]:
        """Return it for a page."""
        local = self.clock.start.replace(tzinfo=None)
        return {
            "title": self.title,
            "variant": self.variant,
            "digest": self.digest,
            "start_s": (local - _EPOCH).total_seconds(),  # as if the clock's zone were UTC
            "zone": self.clock.zone,
            "duration_s": self.duration_s,
            "wall_time_s": self.wall_time_s,
        }


def describe_run(root: Any, path: Path) -> RunDescription:
    """Read what an open record says of its run; whatever it does not tell is left out."""
    title, variant, digest = (
        str(root.attrs.get(name, "")) for name in ("title", "variant", "digest")
    )
    start = datetime.fromisoformat(root.attrs["start"])
    return RunDescription(
        title=title,
        variant=variant,
        digest=digest,
        clock=LocalTime(start if start.tzinfo else start.replace(tzinfo=UTC)),
        duration_s=recorded_duration(root, path),
    )


def recorded_duration(root: Any, path: Path) -> int | None:
    """Return how long the scenario of an open record lasts, None where it does not tell."""
    try:
        return parse_duration(scenario_of(root, path).scenario.get("duration"))
    except (RecordError, TypeError, ValueError):
        return None


def limits_pu(group: Any) -> list[float]:
    """Return the voltages that a grid must keep between; none where it does not say."""
    names = ("voltage_limit_low_pu", "voltage_limit_high_pu")
    limits = [float(group[name][()]) for name in names if name in group]
    return [limit for limit in limits if math.isfinite(limit)]

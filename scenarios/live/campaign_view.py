"""Where a campaign stands, as its page needs it: read from the books, which nobody is kept from."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import About
from gridloom.scenarios.campaigns.outcome import RunState
from gridloom.scenarios.campaigns.point import Axis
from gridloom.scenarios.live.description import recorded_duration
from gridloom.scenarios.live.live_index import ListedKpi, ListedRun, LiveIndex
from gridloom.scenarios.live.whereabouts import open_watched, seconds_since_change
from gridloom.scenarios.results.record import is_held
from gridloom.scenarios.results.record.layout import COMMITTED
from gridloom.scenarios.results.record.reader import reading
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import RecordError

_MOST_RUNNING = 64
_MOST_LISTED = 50
_MOST_HEADLINES = 8
_MOST_POINTS = 3000
"""Drawn at once, the newest."""
_MOST_LABELS = 200
"""Of an axis; the others are not told apart on a page."""
_RECENT = 50
"""Runs that tell how long a run takes."""


class CampaignView:
    """One campaign, looked at anew whenever a page asks."""

    def __init__(self, folder: CampaignFolder) -> None:
        self._folder = folder
        self._durations_s: dict[str, int | None] = {}
        """Of runs under way, by folder."""

    def record_folder(self, name: str) -> Path | None:
        """Return the folder of one of its runs, None if it has none of that name."""
        with LiveIndex(self._folder.index) as index:
            return self._folder.runs / name if index.has_folder(name) else None

    def state(self, kpi: str = "", axis: str = "", since: str = "") -> dict[str, Any]:
        """Return where the campaign stands, as JSON.

        Args:
            kpi: name of the indicator to draw; by default the first headline.
            axis: to draw it by; by default the first that is no seed.
            since: until when the page knows the values of that indicator.

        Raises:
            RecordError: the index cannot be read now.
        """
        with LiveIndex(self._folder.index) as index, index.snapshot():
            about = index.about()
            counts = index.counts()
            kpis = index.whole_kpis()
            mean_s = index.mean_wall_time_s(_RECENT)
            running = self._running(index)
            return {
                "name": about.name,
                "title": about.title,
                "points": index.points(),
                "counts": {state.value: count for state, count in counts.items()},
                "has_driver": is_held(self._folder.path),
                "silence_s": self._silence_s([run["folder"] for run in running]),
                "mean_wall_time_s": mean_s,
                **_pace(counts, mean_s),
                "axes": [_axis(each) for each in about.axes],
                "kpis": [each._asdict() for each in kpis],
                "running": running,
                "failed": [_listed(each) for each in index.newest(RunState.FAILED, _MOST_LISTED)],
                "complete": _complete(index, kpis),
                "scatter": _scatter(index, kpis, about, (kpi, axis, since)),
            }

    def _silence_s(self, running: Sequence[str]) -> float:
        """Return how long ago anything was written, by the driver or by a run under way."""
        index = self._folder.index
        folders = [RunFolder(self._folder.runs / name) for name in running]
        records = [path for run in folders for path in (run.partial_record, run.record)]
        written = (index, index.with_name(f"{index.name}-wal"), *records)
        return min((silence_s for path in written for silence_s in _silences_s(path)), default=0.0)

    def _running(self, index: LiveIndex) -> list[dict[str, Any]]:
        """Return the runs under way, each with how far its record says it is."""
        runs = index.newest(RunState.RUNNING, _MOST_RUNNING)
        self._durations_s = {
            run.folder: self._durations_s[run.folder]
            for run in runs
            if run.folder in self._durations_s
        }
        return [_listed(run) | self._reach(run.folder) for run in runs]

    def _reach(self, name: str) -> dict[str, int | None]:
        run = RunFolder(self._folder.runs / name)
        for path in (run.partial_record, run.record):  # it gets its final name at any moment
            with suppress(RecordError), open_watched(path) as root, reading(path):
                if name not in self._durations_s:
                    self._durations_s[name] = recorded_duration(root, path)
                return {"time_s": int(root[COMMITTED][()]), "duration_s": self._durations_s[name]}
        return {"time_s": None, "duration_s": None}  # it has not begun to write


def _silences_s(path: Path) -> Iterator[float]:
    """Yield how long ago a file was written to; nothing if it is not there, or no more."""
    with suppress(FileNotFoundError):
        yield seconds_since_change(path)


def _pace(counts: dict[RunState, int], mean_s: float | None) -> dict[str, float | None]:
    """Return runs an hour and the time to go, as far as the recent runs tell."""
    running, pending = counts[RunState.RUNNING], counts[RunState.PENDING]
    if not running or not mean_s:
        return {"runs_per_hour": None, "left_s": None}
    halves_done = running / 2
    return {
        "runs_per_hour": 3600 * running / mean_s,
        "left_s": mean_s * (pending + halves_done) / running,
    }


def _axis(axis: Axis) -> dict[str, Any]:
    labels = list(axis.labels[:_MOST_LABELS])
    return {"name": axis.name, "unit": axis.unit, "is_seed": axis.is_seed, "labels": labels}


def _listed(run: ListedRun) -> dict[str, Any]:
    return run._asdict() | {"parameters": dict(run.parameters)}


def _complete(index: LiveIndex, kpis: Sequence[ListedKpi]) -> list[dict[str, Any]]:
    """Return the newest complete runs with their headlines, by the indicators' id."""
    runs = index.newest(RunState.COMPLETE, _MOST_LISTED)
    headlines = [kpi.id for kpi in kpis if kpi.headline][:_MOST_HEADLINES]
    values = index.values_of([run.digest for run in runs], headlines)
    return [_listed(run) | {"values": values[run.digest]} for run in runs]


def _scatter(
    index: LiveIndex, kpis: Sequence[ListedKpi], about: About, asked: tuple[str, str, str]
) -> dict[str, Any] | None:
    """Return number, label and value of each point with an indicator, those that are new."""
    kpi_name, axis_name, since = asked
    chosen_kpis = [kpi for kpi in kpis if kpi.name == kpi_name] or list(kpis[:1])
    by_default = sorted(about.axes, key=lambda axis: axis.is_seed)
    chosen_axes = [axis for axis in about.axes if axis.name == axis_name] or by_default[:1]
    if not chosen_kpis or not chosen_axes:
        return None
    kpi, axis = chosen_kpis[0], chosen_axes[0]
    if (kpi.name, axis.name) != (kpi_name, axis_name):
        since = ""  # of another drawing
    points = index.points_with(kpi.id, since, _MOST_POINTS)
    return {
        "kpi": kpi.name,
        "label": kpi.label,
        "unit": kpi.unit,
        "axis": axis.name,
        "since": points[0][3] if points else since,
        "points": [[number, of.get(axis.name), value] for number, of, value, _ in points],
    }

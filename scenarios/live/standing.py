"""How a run stands, in one word for programs and a sentence for people."""

from dataclasses import dataclass
from pathlib import Path

from gridloom.scenarios.live.whereabouts import is_quiet, seconds_since_change
from gridloom.scenarios.results.record import RunStatus, is_held
from gridloom.scenarios.results.wording import span
from gridloom.simulators.errors import RecordError


@dataclass(frozen=True)
class Standing:
    """How a run stands."""

    state: str
    """'waiting', 'running', 'quiet', 'gone', 'complete', 'failed', 'interrupted' or
    'unreadable'."""
    message: str = ""


def waiting(where: Path) -> Standing:
    """There is no record yet."""
    return Standing("waiting", f"there is no record in {where} yet")


def not_readable(error: RecordError, path: Path, before: Standing) -> Standing:
    """Return how a run stands whose record cannot be read.

    For a while that means nothing: nobody else can read a record while its writer makes it.

    Args:
        error: what reading it said.
        path: of the record.
        before: how the run stood when its record was looked at last.
    """
    try:
        is_new = not is_quiet(seconds_since_change(path))
    except OSError:  # it has just been renamed
        is_new = True
    if not is_new:
        return Standing("unreadable", str(error))
    return Standing("waiting", "the record is being made") if before.state == "waiting" else before


def standing_of(status: RunStatus, failure: str, path: Path) -> Standing:
    """Return how the run of a record stands.

    Args:
        status: as the record says; a killed run had no chance to.
        failure: why it did not complete.
        path: of the record.
    """
    if status is not RunStatus.RUNNING:
        return Standing(status.name.lower(), failure)
    silence_s = seconds_since_change(path)
    if not is_quiet(silence_s):
        return Standing("running")
    silence = f"no news for {span(round(silence_s))}"
    match is_held(path.parent):
        case True:
            return Standing("quiet", f"{silence}; its process is alive")
        case False:
            return Standing(
                "gone",
                f"{silence}, and no process writes it: the run was killed. "
                f"Repair its record with: gridloom recover {path}",
            )
        case _:
            return Standing("quiet", silence)

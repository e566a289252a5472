"""Finishes a run that was killed between its last step and its files."""

from pathlib import Path

from gridloom.scenarios.evaluation import evaluate
from gridloom.scenarios.results.record import RunStatus, folder_lock, record_status
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import RecordError


def finish_run(record: Path) -> RunFolder | None:
    """Do for a complete record what its run no longer could: KPIs, report, and its final name.

    Args:
        record: closed and whole, as `recover_record` leaves it.

    Returns:
        the run's folder, or None where nothing was to do, or the file is no run's own.

    Raises:
        RecordError: the run still goes on, or the files cannot be written.
    """
    folder = RunFolder(record.parent)
    is_partial = record.name == folder.partial_record.name
    is_run = is_partial or (record.name == folder.record.name and folder.log.exists())
    if not is_run or (folder.kpis.exists() and not is_partial):
        return None
    try:
        with folder_lock(folder.path):
            if record_status(record)[0] is not RunStatus.COMPLETE:
                return None
            evaluate(folder, record)
            if is_partial:
                folder.finish()
    except BlockingIOError as error:
        raise RecordError(f"the run of '{record}' still goes on: it is being evaluated") from error
    except OSError as error:
        raise RecordError(f"cannot finish the run of '{record}': {error.strerror}") from error
    return folder

"""Runs scenarios: builds, simulates, records, evaluates.

read_scenario -> build_models -> couple -> simulate (streaming to the record) -> KPIs -> report
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from gridloom.scenarios.composition import compose, located
from gridloom.scenarios.evaluation import evaluate
from gridloom.scenarios.identity import is_repeatable, run_digest
from gridloom.scenarios.reader import ScenarioDocument, read_scenario
from gridloom.scenarios.recorded_run import record_run
from gridloom.scenarios.results.kpis.kpi import Kpi, read_kpis_csv
from gridloom.scenarios.results.wall_times import WallTimes
from gridloom.scenarios.run_folder import RunFolder
from gridloom.scenarios.schema import Scenario
from gridloom.scenarios.trace_events import write_trace
from gridloom.scenarios.tracing import Tracing
from gridloom.simulators.errors import GridloomError
from gridloom.simulators.phases import phase

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that is complete: where its files are and what came out."""

    scenario: Scenario
    folder: RunFolder
    kpis: Sequence[Kpi]
    computed: bool
    """False where an identical complete run was found and is shown instead."""
    wall_time_s: float


def run(  # noqa: PLR0913 -- the options of the command line
    source: str | Path,
    *,
    out: Path | str = "outputs",
    overrides: Sequence[str] = (),
    variant: str | None = None,
    force: bool = False,
    allow_external: bool = False,
    trace: bool = False,
) -> list[Run]:
    """Run a scenario, or all its variants, and return the complete runs.

    Args:
        source: a shipped scenario's name, the path of a YAML file, or a record to run again.
        out: folder below which each run gets its own.
        overrides: 'key.path=value', as `--set` takes them.
        variant: run only this one.
        force: compute even if an identical complete run exists.
        allow_external: let a record import modules and start programs, as a scenario file may.
        trace: write a time line of the steps' wall times beside the record.

    Raises:
        ScenarioError: the input is wrong; nothing was written.
        SimulatorError: a model failed; the record holds everything up to then.
    """
    document = read_scenario(source, overrides, allow_external=allow_external)
    chosen: list[str | None] = [variant] if variant else [*document.variants] or [None]
    return [run_variant(document, name, Path(out), force=force, trace=trace) for name in chosen]


def run_variant(
    document: ScenarioDocument,
    variant: str | None,
    out: Path,
    *,
    force: bool = False,
    trace: bool = False,
    report: bool = True,
) -> Run:
    """Run one variant of a scenario, unless an identical run is already complete.

    The record gets its final name last of all: whoever finds it finds the KPIs beside it, and the
    report if one was asked for.
    """
    begin = perf_counter()
    scenario = document.scenario(variant)
    with phase("identity"):
        folder = run_folder(document, scenario, out)
    if folder.is_complete() and not force and is_repeatable(scenario):
        return Run(
            scenario=scenario,
            folder=folder,
            kpis=_known_kpis(folder, report=report),
            computed=False,
            wall_time_s=perf_counter() - begin,
        )
    folder.require_writable()
    with phase("building"):
        composition = compose(document, scenario)
    with folder.claimed(), _log_file(folder.log):
        _log.info("run %s", folder.path.name)
        for name, model in composition.models.items():
            for remark in model.remarks():
                _log.info("%s: %s", name, remark)
        with _telling_where(folder), located(document, scenario), phase("start and stop"):
            tracing = Tracing(scenario.duration_s if trace else None)
            times = record_run(composition, folder, tracing)
        for earlier in (folder.trace, folder.report):
            earlier.unlink(missing_ok=True)
        if trace:
            _write_trace(folder, tracing, times)
        try:
            kpis = evaluate(folder, folder.partial_record, report=report)
        finally:
            folder.finish()
        wall_time_s = perf_counter() - begin
        _log.info("complete in %.1f s", wall_time_s)
    return Run(
        scenario=scenario,
        folder=folder,
        kpis=kpis,
        computed=True,
        wall_time_s=wall_time_s,
    )


def _write_trace(folder: RunFolder, tracing: Tracing, times: WallTimes) -> None:
    """Write the time line; the run is complete also where that fails."""
    try:
        write_trace(tracing, times, folder.trace, {"run": folder.path.name})
    except OSError as error:
        _log.warning("cannot write %s: %s", folder.trace, error.strerror)


@contextmanager
def _telling_where(folder: RunFolder) -> Iterator[None]:
    """Let an error that ends the run say where the record up to then is."""
    try:
        yield
    except GridloomError as error:
        if folder.partial_record.exists():
            error.add_note(f"the record so far: {folder.partial_record}")
        raise


def _known_kpis(folder: RunFolder, *, report: bool) -> list[Kpi]:
    """Return the KPIs of a complete run; evaluate its record anew if they are not there."""
    if folder.kpis.is_file() and (folder.report.is_file() or not report):
        return read_kpis_csv(folder.kpis)
    return evaluate(folder, folder.record, report=report)


def run_folder(document: ScenarioDocument, scenario: Scenario, out: Path) -> RunFolder:
    """Return the folder of a run: named by scenario, variant and identity.

    Two runs share a folder only if they give the same results: see `identity`.
    """
    with located(document, scenario):
        digest = run_digest(scenario, document.folders)
    parts = [scenario.name, scenario.variant, digest]
    return RunFolder(out / "-".join(part for part in parts if part))


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Write what gridloom logs to the run's own file as well."""
    logger = logging.getLogger("gridloom")
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(level or logging.INFO, logging.INFO))
    try:
        yield
    except GridloomError as error:
        _log.error("%s", error)
        raise
    except BaseException:
        _log.exception("gridloom itself failed")
        raise
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()

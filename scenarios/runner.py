"""Runs scenarios: builds, simulates, records, evaluates.

read_scenario -> build_models -> couple -> simulate (streaming to the record) -> KPIs -> report
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from gridloom.controllers.controller import Controller
from gridloom.scenarios.building import build_models
from gridloom.scenarios.composer import simulate
from gridloom.scenarios.coupling import Coupling, couple
from gridloom.scenarios.evaluation import evaluate
from gridloom.scenarios.identity import run_digest
from gridloom.scenarios.progress import show_progress, stop_on_signal
from gridloom.scenarios.provenance import provenance
from gridloom.scenarios.reader import ScenarioDocument, read_scenario
from gridloom.scenarios.results.kpis.kpi import Kpi, read_kpis_csv
from gridloom.scenarios.results.record import RecordedModel, RecordWriter, RunStatus
from gridloom.scenarios.run_folder import Interrupted, RunFolder
from gridloom.scenarios.schema import Scenario
from gridloom.simulators.errors import GridloomError, ScenarioError
from gridloom.simulators.model import Direction, FloatArray, Model

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


@dataclass(frozen=True, kw_only=True)
class Composition:
    """A scenario whose models are built and coupled, ready to be stepped."""

    scenario: Scenario
    models: Mapping[str, Model]
    couplings: Sequence[Coupling]


def run(
    source: str | Path,
    *,
    out: Path | str = "outputs",
    overrides: Sequence[str] = (),
    variant: str | None = None,
    force: bool = False,
) -> list[Run]:
    """Run a scenario, or all its variants, and return the complete runs.

    Args:
        source: a shipped scenario's name, or the path of a YAML file.
        out: folder below which each run gets its own.
        overrides: 'key.path=value', as `--set` takes them.
        variant: run only this one.
        force: compute even if an identical complete run exists.

    Raises:
        ScenarioError: the input is wrong; nothing was written.
        SimulatorError: a model failed; the record holds everything up to then.
    """
    document = read_scenario(source, overrides)
    chosen: list[str | None] = [variant] if variant else [*document.variants] or [None]
    return [run_variant(document, name, Path(out), force=force) for name in chosen]


def run_variant(
    document: ScenarioDocument, variant: str | None, out: Path, *, force: bool = False
) -> Run:
    """Run one variant of a scenario, unless an identical run is already complete."""
    begin = perf_counter()
    scenario = document.scenario(variant)
    folder = run_folder(document, scenario, out)
    if folder.is_complete() and not force:
        return Run(
            scenario=scenario,
            folder=folder,
            kpis=_known_kpis(folder),
            computed=False,
            wall_time_s=perf_counter() - begin,
        )
    folder.require_writable()
    composition = compose(document, scenario)
    with folder.claimed(), _log_file(folder.log):
        _log.info("run %s", folder.path.name)
        for name, model in composition.models.items():
            for remark in model.remarks():
                _log.info("%s: %s", name, remark)
        with _telling_where(folder):
            _record(composition, folder, document.folders)
        folder.finish()
        kpis = evaluate(folder)
        wall_time_s = perf_counter() - begin
        _log.info("complete in %.1f s", wall_time_s)
    return Run(
        scenario=scenario,
        folder=folder,
        kpis=kpis,
        computed=True,
        wall_time_s=wall_time_s,
    )


@contextmanager
def _telling_where(folder: RunFolder) -> Iterator[None]:
    """Let an error that ends the run say where the record up to then is."""
    try:
        yield
    except GridloomError as error:
        if folder.partial_record.exists():
            error.add_note(f"the record so far: {folder.partial_record}")
        raise


def _known_kpis(folder: RunFolder) -> list[Kpi]:
    """Return the KPIs of a complete run; evaluate its record anew if they are not there."""
    if folder.kpis.is_file() and folder.report.is_file():
        return read_kpis_csv(folder.kpis)
    return evaluate(folder)


def run_folder(document: ScenarioDocument, scenario: Scenario, out: Path) -> RunFolder:
    """Return the folder of a run: named by scenario, variant and identity.

    Two runs share a folder only if they give the same results: see `identity`.
    """
    with _located(document, scenario):
        digest = run_digest(scenario, document.folders)
    parts = [scenario.name, scenario.variant, digest]
    return RunFolder(out / "-".join(part for part in parts if part))


def compose(document: ScenarioDocument, scenario: Scenario) -> Composition:
    """Build and couple a scenario's models.

    Raises:
        ScenarioError: with the place in the file of everything that is wrong.
    """
    with _located(document, scenario):
        models = build_models(scenario, document.folders)
        couplings = couple(models, scenario.couplings)
    return Composition(scenario=scenario, models=models, couplings=couplings)


@contextmanager
def _located(document: ScenarioDocument, scenario: Scenario) -> Iterator[None]:
    """Add the place in the file to every problem that the block finds."""
    try:
        yield
    except ScenarioError as error:
        raise document.complete(error, scenario.variant) from error


def _record(composition: Composition, folder: RunFolder, folders: Sequence[Path]) -> None:
    """Simulate and stream to the record; whatever happens, the record is closed and readable."""
    scenario, models = composition.scenario, composition.models
    recorded = {m.name: m for m in _recorded_models(composition)}
    digest = run_digest(scenario, folders)
    writer = RecordWriter(
        folder.partial_record,
        start=scenario.start,
        models=list(recorded.values()),
        provenance=provenance(scenario, digest, folders),
        compression=scenario.record.compression,
        float32=scenario.record.float32,
    )
    title = " ".join(part for part in (scenario.name, scenario.variant) if part)
    begin = perf_counter()
    with (
        _closing(writer, models, begin) as busy,
        stop_on_signal() as check,
        show_progress(title, scenario.duration_s) as progress,
    ):
        sink = _sink(writer, recorded, (check, progress))
        busy.update(simulate(models, composition.couplings, scenario.duration_s, sink))


def _sink(
    writer: RecordWriter,
    recorded: Mapping[str, RecordedModel],
    listeners: Sequence[Callable[[int], None]],
) -> Callable[[int, Mapping[str, Mapping[str, FloatArray]]], None]:
    step_sizes = {name: model.step_size for name, model in recorded.items()}

    def take(time_s: int, outputs: Mapping[str, Mapping[str, FloatArray]]) -> None:
        for name, step_size in step_sizes.items():
            if time_s % step_size == 0:
                writer.write(name, time_s, outputs[name])
        writer.advance(time_s + 1)
        for listen in listeners:
            listen(time_s)

    return take


@contextmanager
def _closing(
    writer: RecordWriter, models: Mapping[str, Model], begin: float
) -> Iterator[dict[str, float]]:
    """Close the record with the status that the block's end deserves."""
    busy: dict[str, float] = {}
    status, message = RunStatus.FAILED, "gridloom itself failed"
    try:
        yield busy
        status, message = RunStatus.COMPLETE, ""
    except Interrupted as stop:
        status, message = RunStatus.INTERRUPTED, str(stop)
        raise
    except GridloomError as error:
        message = str(error)
        raise
    except BaseException as error:
        message = f"{type(error).__name__}: {error}"
        raise
    finally:
        times = {f"wall_time_{name}_s": seconds for name, seconds in busy.items()}
        writer.close(
            status,
            message=message,
            attributes={"wall_time_s": perf_counter() - begin, **times},
            summaries={name: model.summary() for name, model in models.items()},
        )


def _recorded_models(composition: Composition) -> list[RecordedModel]:
    """Return what of each model goes into the record."""
    scenario = composition.scenario
    recorded: list[RecordedModel] = []
    for name, model in composition.models.items():
        ports = tuple(
            port
            for port in model.ports
            if port.direction is Direction.OUTPUT
            and scenario.record.records(name, port.name, by_default=port.recorded)
        )
        is_controller = isinstance(model, Controller)
        config = (scenario.controllers if is_controller else scenario.simulators)[name]
        recorded.append(
            RecordedModel(
                name=name,
                type=config.type,
                role="controller" if is_controller else "simulator",
                step_size=model.step_size,
                rows=-(-scenario.duration_s // model.step_size),
                ports=ports,
                static=model.static(),
                attributes=_attributes(model),
            )
        )
    return recorded


def _attributes(model: Model) -> dict[str, str]:
    """Return what else of a model is worth knowing to those who read the record."""
    told = {"remarks": "; ".join(model.remarks())}
    if isinstance(model, Controller):
        told["information_set"] = ", ".join(sorted(model.granted))
    return {name: text for name, text in told.items() if text}


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

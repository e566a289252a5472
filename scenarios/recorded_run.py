"""Steps a composition and streams what it sends to its record; whatever happens, that is closed."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import Self

from gridloom.controllers.controller import Controller
from gridloom.scenarios.composer import Outcome, Surroundings, simulate
from gridloom.scenarios.composition import Composition
from gridloom.scenarios.identity import run_digest
from gridloom.scenarios.progress import show_progress, stop_on_signal
from gridloom.scenarios.provenance import provenance
from gridloom.scenarios.recorded_rows import recorded_ports, row_length_s
from gridloom.scenarios.results.record import (
    Column,
    RecordedModel,
    RecordWriter,
    RowOfSteps,
    RunStatus,
    columns_of,
)
from gridloom.scenarios.results.wall_times import ATTRIBUTE, WallTimes
from gridloom.scenarios.rows import Sink
from gridloom.scenarios.run_folder import Interrupted, RunFolder
from gridloom.scenarios.schema import Scenario
from gridloom.scenarios.supervision.blueprint import Blueprint
from gridloom.scenarios.supervision.placing import configs, models_elsewhere
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.scenarios.tracing import Tracing
from gridloom.simulators.errors import GridloomError
from gridloom.simulators.model import FloatArray, Model
from gridloom.simulators.phases import phase
from gridloom.simulators.remote.text import printable

_log = logging.getLogger(__name__)


def record_run(composition: Composition, folder: RunFolder, tracing: Tracing) -> WallTimes:
    """Simulate and stream to the record; whatever happens, the record is closed and readable.

    The record is created once every simulator runs: where one cannot be started, nothing is
    written.

    Args:
        composition: what is simulated.
        folder: where the record is written.
        tracing: takes the time from now on.

    Returns:
        Where the wall time went, as the record says too.

    Raises:
        GridloomError: the run failed, or was interrupted.
    """
    scenario, models = composition.scenario, composition.models
    supervisor = Supervisor()
    blueprint = Blueprint(
        scenario=scenario, folders=composition.folders, points=composition.connection_points
    )
    elsewhere = models_elsewhere(models, composition.couplings, blueprint, supervisor)
    title = " ".join(part for part in (scenario.name, scenario.variant) if part)

    def interrupt(number: int) -> None:
        supervisor.report_soon(Interrupted(number, supervisor.time))

    with ExitStack() as stack:
        check = stack.enter_context(stop_on_signal(interrupt))
        progress = stack.enter_context(show_progress(title, scenario.duration_s))
        recording = stack.enter_context(_Recording(composition, elsewhere, folder, tracing))
        surroundings = Surroundings(
            supervisor=supervisor,
            elsewhere=elsewhere,
            limits_s={n: float(c.step_timeout) for n, (_, c) in configs(scenario).items()},
            tracing=tracing,
            fuse=scenario.fuse,
            observed=recording.observed,
            when_started=recording.begin,
        )
        sink = recording.sink((check, progress))
        try:
            recording.outcome = simulate(
                models, composition.couplings, scenario.duration_s, sink, surroundings
            )
        finally:
            for name, remote in elsewhere.items():
                if remote.complaint:
                    _log.warning("'%s' %s", name, remote.complaint)
    return recording.wall_times


class _Recording:
    """The record of one run, from its first row to the status that its end deserves."""

    def __init__(
        self,
        composition: Composition,
        elsewhere: Collection[str],
        folder: RunFolder,
        tracing: Tracing,
    ) -> None:
        self._composition = composition
        self._elsewhere = elsewhere
        self._folder = folder
        self._models = recorded_models(composition)
        self._writer: RecordWriter | None = None
        self._tracing = tracing
        self.outcome: Outcome | None = None
        self.wall_times = tracing.wall_times()
        """Up to the end of the run; final once it has ended."""

    def __enter__(self) -> Self:
        return self

    @property
    def observed(self) -> dict[str, list[str]]:
        """The outputs that are recorded, by model."""
        scenario, models = self._composition.scenario, self._composition.models
        return {
            name: [port.name for port in recorded_ports(scenario, name, model)]
            for name, model in models.items()
        }

    def begin(self) -> None:
        """Create the record."""
        with phase("record", at_top=True):
            self._writer = self._new_writer()

    def _new_writer(self) -> RecordWriter:
        composition = self._composition
        scenario = composition.scenario
        digest = run_digest(scenario, composition.folders)
        return RecordWriter(
            self._folder.partial_record,
            start=scenario.start,
            models=self._models,
            provenance=provenance(
                scenario, digest, composition.folders, ask_git=not composition.from_record
            ),
            compression=scenario.record.compression,
            float32=scenario.record.float32,
        )

    def sink(self, listeners: Sequence[Callable[[int], None]]) -> Sink:
        """Return what takes over the rows, and then tells the listeners the time."""
        at_each_step = {m.name: m.step_size for m in self._models if m.model_step_size is None}
        of_several = self._rows_of_several_steps()
        stopwatch = self._tracing.recording

        def take(time_s: int, outputs: Mapping[str, Mapping[str, FloatArray]]) -> None:
            writer = self._writer
            assert writer is not None  # noqa: S101 -- rows come after `begin`
            stopwatch.begin(time_s)
            for name, step_size in at_each_step.items():
                if time_s % step_size == 0:
                    writer.write(name, time_s, outputs[name])
            complete_until_s = time_s + 1
            for name, row in of_several.items():
                begins_s = row.begins_s
                if row.is_due(time_s) and row.take(time_s, outputs[name]):
                    writer.write(name, begins_s, row.close())
                complete_until_s = min(complete_until_s, row.begins_s)
            writer.advance(complete_until_s)
            for listen in listeners:
                listen(time_s)
            stopwatch.end()

        return take

    def _rows_of_several_steps(self) -> dict[str, RowOfSteps]:
        """Return what puts steps together, of the models whose rows cover several."""
        composition = self._composition
        return {
            recorded.name: RowOfSteps(
                recorded.name,
                _columns(composition.scenario, recorded.name, composition.models[recorded.name]),
                step_s=recorded.model_step_size,
                length_s=recorded.step_size,
            )
            for recorded in self._models
            if recorded.model_step_size is not None
        }

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._writer is None:
            return
        status, message = _status(error)
        outcome = self.outcome
        parts_s = self._told(lambda model: model.wall_times_s())
        times = self.wall_times = self._tracing.wall_times(parts_s)
        summaries = outcome.summaries if outcome else self._told(lambda model: model.summary())
        attributes: dict[str, str | float] = {
            "wall_time_s": times.total_s,
            **{f"wall_time_{name}_s": each.step_s for name, each in times.models.items()},
            ATTRIBUTE: times.as_json(),
        }
        with phase("record", at_top=True):
            self._writer.close(status, message=message, attributes=attributes, summaries=summaries)

    def _told(self, ask: Callable[[Model], Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
        """Return what the models say that are here; those that fail to say nothing."""
        found: dict[str, Mapping[str, float]] = {}
        for name, model in self._composition.models.items():
            if name not in self._elsewhere:
                try:
                    found[name] = ask(model)
                except Exception:  # noqa: BLE001 -- the error that ends the run is the one to be told
                    _log.exception("'%s' cannot tell its counters", name)
        return found


def _status(error: BaseException | None) -> tuple[RunStatus, str]:
    """Return the status and message of a record whose run ended with ``error``."""
    match error:
        case None:
            return RunStatus.COMPLETE, ""
        case Interrupted():
            return RunStatus.INTERRUPTED, str(error)
        case KeyboardInterrupt():
            return RunStatus.INTERRUPTED, "interrupted twice"
        case GridloomError():
            return RunStatus.FAILED, printable(str(error))
        case _:
            return RunStatus.FAILED, printable(f"{type(error).__name__}: {error}")


def recorded_models(composition: Composition) -> list[RecordedModel]:
    """Return what of each model goes into the record."""
    scenario = composition.scenario
    recorded: list[RecordedModel] = []
    for name, model in composition.models.items():
        is_controller = isinstance(model, Controller)
        config = (scenario.controllers if is_controller else scenario.simulators)[name]
        length_s = row_length_s(scenario, name, model)
        recorded.append(
            RecordedModel(
                name=name,
                type=config.type,
                role="controller" if is_controller else "simulator",
                step_size=length_s,
                model_step_size=None if length_s == model.step_size else model.step_size,
                rows=-(-scenario.duration_s // length_s),
                ports=tuple(column.port for column in _columns(scenario, name, model)),
                static=model.static(),
                attributes=_attributes(model),
            )
        )
    return recorded


def _columns(scenario: Scenario, name: str, model: Model) -> list[Column]:
    """Return the variables of a model's record, in the order of its outputs."""
    ports = recorded_ports(scenario, name, model)
    if row_length_s(scenario, name, model) == model.step_size:
        return [Column(port=port, output=port.name, kept="point") for port in ports]
    return [
        column
        for port in ports
        for column in columns_of(
            port, scenario.record.statistics_of(name, port.signal), model.step_size
        )
    ]


def _attributes(model: Model) -> dict[str, str]:
    """Return what else of a model is worth knowing to those who read the record."""
    told = {"remarks": "; ".join(model.remarks())}
    if isinstance(model, Controller):
        told["information_set"] = ", ".join(sorted(model.granted))
    return {name: text for name, text in told.items() if text}

"""Records made by hand, small enough that every indicator can be worked out on paper."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pytest
import xarray as xr

from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.scenarios.results.record import (
    RecordedModel,
    RecordWriter,
    RunStatus,
    open_record,
)
from gridloom.simulators.model import Dimension, Direction, ElementSet, Port, StaticVariable
from gridloom.simulators.signals import Signal

Static: TypeAlias = tuple[tuple[str, ...], Any]
"""Dimensions and values."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What one model recorded."""

    signals: Mapping[Signal, Any]
    """Signal to array (time[, element[, phase]])."""
    kinds: Mapping[Signal, tuple[str, Sequence[str]]] = field(default_factory=dict)
    """Signal to kind and names of its elements; those left out are one number a step."""
    phases: tuple[str, ...] = ("balanced",)
    static: Mapping[str, Static] = field(default_factory=dict)
    step_s: int = 1
    role: Literal["simulator", "controller"] = "simulator"


def _port(rows: Rows, signal: Signal) -> Port:
    kind = rows.kinds.get(signal)
    elements = ElementSet(kind=kind[0], owner="x", names=tuple(kind[1])) if kind else None
    has_phases = np.ndim(rows.signals[signal]) == 3
    return Port(
        signal=signal,
        direction=Direction.OUTPUT,
        elements=elements,
        dimensions=(Dimension(name="phase", labels=rows.phases),) if has_phases else (),
    )


def _model(name: str, rows: Rows) -> RecordedModel:
    return RecordedModel(
        name=name,
        type="made_by_hand",
        role=rows.role,
        step_size=rows.step_s,
        rows=len(next(iter(rows.signals.values()))),
        ports=tuple(_port(rows, signal) for signal in rows.signals),
        static=tuple(
            StaticVariable(name=name, values=np.asarray(values), dimensions=dimensions)
            for name, (dimensions, values) in rows.static.items()
        ),
    )


def write(path: Path, models: Mapping[str, Rows]) -> None:
    """Record the rows of all models."""
    writer = RecordWriter(
        path,
        start=datetime(2021, 3, 24, 15, tzinfo=UTC),
        models=[_model(name, rows) for name, rows in models.items()],
        provenance={},
    )
    for name, rows in models.items():
        for row in range(len(next(iter(rows.signals.values())))):
            outputs = {signal.name: np.asarray(v)[row] for signal, v in rows.signals.items()}
            writer.write(name, row * rows.step_s, outputs)
    writer.close(RunStatus.COMPLETE)


KpiValues: TypeAlias = dict[tuple[str, str], float]
"""(name, of) to value."""
Record: TypeAlias = Callable[..., xr.DataTree]
Evaluate: TypeAlias = Callable[..., KpiValues]


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    """Make and open a record of the models given by name."""
    with ExitStack() as opened:

        def make(**models: Rows) -> xr.DataTree:
            path = tmp_path / "record.h5"
            write(path, models)
            return opened.enter_context(open_record(path))

        yield make


@pytest.fixture
def evaluate(record: Record) -> Evaluate:
    """Return the KPIs of the models given by name."""

    def kpis(**models: Rows) -> KpiValues:
        return {(kpi.name, kpi.of): kpi.value for kpi in compute_kpis(record(**models))}

    return kpis


@pytest.fixture
def rows() -> type[Rows]:
    return Rows

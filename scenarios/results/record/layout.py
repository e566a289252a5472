"""What a record holds: the constants of its layout and the description of one recorded model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from math import prod
from typing import Literal, TypeAlias

from gridloom.simulators.model import Port, StaticVariable

SCHEMA_VERSION = 1
"""Raised whenever a reader of the old layout would misread the new one."""
SCHEMA_ATTRIBUTE = "schema_version"
STATUS = "run_status"
"""Root variable: how the run ended, see `RunStatus`."""
COMMITTED = "committed_time_s"
"""Root variable: rows with a time before it (seconds since the start) are valid."""
STEP_SIZE = "step_size_s"
"""Attribute of a model's group: seconds between its rows."""
MODEL_STEP_SIZE = "model_step_size_s"
"""Attribute of a model's group: seconds between the model's steps, where rows cover several."""
FAILURE = "failure"
"""Root attribute: why the run did not complete."""
UNFINISHED = "unfinished_rows"
"""Root group, only while running: a table a model of the rows that fill no chunk yet."""

Compression: TypeAlias = Literal["gzip", "none"]


class RunStatus(IntEnum):
    """How a run ended, as the record stores it."""

    RUNNING = 0
    """Not ended yet, or killed without a chance to say so."""
    COMPLETE = 1
    FAILED = 2
    INTERRUPTED = 3


@dataclass(frozen=True, kw_only=True)
class RecordedModel:
    """One model in the record: one HDF5 group."""

    name: str
    type: str
    """Which model it is, as the scenario's `type:` says."""
    role: Literal["simulator", "controller"]
    step_size: int
    """Seconds between rows."""
    rows: int
    """Expected number of rows; more or fewer may come."""
    model_step_size: int | None = None
    """Seconds between the model's steps, where a row covers several of them."""
    ports: tuple[Port, ...] = ()
    """The output ports to record."""
    static: tuple[StaticVariable, ...] = ()
    attributes: Mapping[str, str | float | int] = field(default_factory=dict)
    """Further attributes of the group."""

    @property
    def columns(self) -> int:
        """Numbers in one row."""
        return sum(prod(port.shape) for port in self.ports)

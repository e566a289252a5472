"""What a model is: elements, ports and a step on whole arrays.

A model stands for a whole population (55 PV plants, one grid). It knows nothing of mosaik, files
of results or the command line; `mosaik_adapter` makes a simulator of it, the recorder writes what
its output ports send.

    built from (Config, BuildContext), initial_outputs(), step(0), step(step_size), ..., close()
"""

import hashlib
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.quantities import ModelConfig
from gridloom.simulators.signals import Signal

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
Inputs: TypeAlias = Mapping[str, FloatArray]
"""Port name to array; arrays are read-only and must not be kept beyond the step."""
Outputs: TypeAlias = dict[str, FloatArray]
"""Port name to array; the model must not change an array it has handed out."""


class Direction(StrEnum):
    """Seen from the model."""

    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, kw_only=True)
class ElementSet:
    """The things a port speaks of, in the order of its array."""

    kind: str
    """What they are, as in 'bus' or 'charging_point'; names the dimension in the record."""
    owner: str
    """Name of the model that has them."""
    names: tuple[str, ...]
    """Unique within the set."""
    connection_points: tuple[str, ...] | None = None
    """Where each is connected (one a name), or None for what is not at a customer's interface."""

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """A further axis of a port's array, after the elements."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Port:
    """One array that a model receives or sends at every step."""

    signal: Signal
    direction: Direction
    elements: ElementSet | None = None
    """None: one value for the whole model."""
    dimensions: tuple[Dimension, ...] = ()
    required: bool = True
    """Whether an input without any source is an error; otherwise the model gets zeros, or NaN
    where the signal may be NaN."""
    recorded: bool = True
    """Whether an output is recorded unless the scenario says otherwise."""
    in_rounds: bool = False
    """Whether it is for the rounds of a negotiation (see `Model.round`), not for the step; such an
    output is never recorded."""

    @property
    def name(self) -> str:
        """The signal's name: a model has at most one port a signal and direction."""
        return self.signal.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        head = () if self.elements is None else (len(self.elements),)
        return (*head, *(len(dimension.labels) for dimension in self.dimensions))

    def blank(self) -> FloatArray:
        """Return the array that stands for 'nothing known'."""
        return np.full(self.shape, np.nan if self.signal.may_be_nan else 0.0)


@dataclass(frozen=True, kw_only=True)
class StaticVariable:
    """A constant of a model that belongs in the record: ratings, coordinates, prices."""

    name: str
    values: NDArray[np.generic]
    """Numbers, or text as a NumPy array of dtype 'U'."""
    dimensions: tuple[str, ...]
    """Kinds of elements, names of `Dimension`s, or new names."""
    unit: str = ""
    long_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Average power expected before delivery."""

    interval_s: int
    """Length of every interval; the first begins with the scenario."""
    power_kw: FloatArray
    """(interval,), sum over the model's elements, load convention; (interval, element) if that was
    asked for and is known."""
    reactive_power_kvar: FloatArray | None = None
    """Likewise; None where it is not known."""


@dataclass(frozen=True, kw_only=True)
class BuildContext:
    """What a model may know of the scenario around it."""

    name: str
    """The model's name in the scenario."""
    start: datetime
    """Aware of its time zone."""
    duration_s: int
    seed: int
    """The scenario's seed."""
    folders: tuple[Path, ...] = ()
    """Where relative file names are looked up, first match wins."""
    connection_points: tuple[str, ...] | None = None
    """Names of the grid's connection points; None in a scenario without a grid."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Named groups of connection points, as the scenario defines them."""

    def rng(self, purpose: str = "") -> np.random.Generator:
        """Return this model's own stream of random numbers.

        Streams are keyed by the model's name and the purpose: adding a model, or another draw for
        another purpose, leaves every other stream as it was.
        """
        digest = hashlib.sha256(f"{self.name}/{purpose}".encode()).digest()
        key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def file(self, name: str, *key: str | int) -> Path:
        """Return the existing file that ``name`` means, or raise `ScenarioError` at ``key``."""
        candidates = [Path(name)] if Path(name).is_absolute() else []
        candidates += [folder / name for folder in self.folders]
        found = next((c for c in candidates if c.exists()), None)
        if found is not None and found.is_file() and os.access(found, os.R_OK):
            return found
        parents = dict.fromkeys(str(candidate.parent) for candidate in candidates)
        looked = listing(list(parents) or ["nowhere"])
        if found is None:
            message = f"file '{name}' does not exist (looked in {looked})"
        elif found.is_dir():
            message = f"'{name}' is a folder"
        else:
            message = f"'{name}' cannot be read: no ordinary file, or no permission"
        raise ScenarioError(
            Problem(
                message=message,
                key=key,
                expected="a file's path, relative to the scenario file or absolute",
            )
        )

    def files(self, pattern: str) -> list[Path]:
        """Return the CSV files in the folder, or those that match the pattern, by name.

        The first of `folders` that has any counts; nothing is found where none has.
        """
        given = Path(pattern)
        for root in (Path(given.anchor),) if given.is_absolute() else self.folders:
            relative = given.relative_to(given.anchor)
            whole = root / relative
            found = whole.glob("*.csv") if whole.is_dir() else root.glob(str(relative))
            paths = sorted(path for path in found if path.is_file())
            if paths:
                return paths
        return []

    def select(self, at: str | list[str], *key: str | int) -> tuple[str, ...]:
        """Return the connection points that ``at`` names: 'all', a group, one name or a list.

        Raises:
            ScenarioError: a name is unknown or given twice.
        """
        known = self.connection_points
        if at == "all" and known is not None:
            return known
        names = [at] if isinstance(at, str) else at
        chosen = [point for name in names for point in self.groups.get(name, (name,))]
        if known is None:
            return tuple(chosen)
        valid = set(known)
        problems = [
            Problem(
                message=f"'{point}' is not a connection point of the grid",
                key=key,
                expected=f"'all', a group, or names among {listing(known)}",
                suggestion=nearest(point, (*known, *self.groups)),
            )
            for point in chosen
            if point not in valid
        ]
        twice = sorted(point for point, number in Counter(chosen).items() if number > 1)
        if twice:
            problems.append(Problem(message=f"named twice: {listing(twice)}", key=key))
        if problems:
            raise ScenarioError(*problems)
        return tuple(chosen)


class Model(ABC):
    """A population of devices, a grid or a market that is stepped on arrays."""

    Config: ClassVar[type[ModelConfig]]
    """The keys a scenario may give; validated before the model is built."""
    offers_connection_points: ClassVar[bool] = False
    """Whether other models can be connected to it: true for grids, which are built first."""
    connection_points: tuple[str, ...] | None = None
    """Names of the connection points it offers."""
    leads_rounds: ClassVar[bool] = False
    """Whether it begins a negotiation before each of its steps, see `round`."""

    def __init__(self, context: BuildContext, step_size: int) -> None:
        self.name = context.name
        self.step_size = step_size
        """Seconds between steps."""

    @property
    @abstractmethod
    def ports(self) -> tuple[Port, ...]:
        """All ports, in a fixed order."""

    @abstractmethod
    def step(self, time: int, inputs: Inputs) -> Outputs:
        """Advance from ``time`` to ``time + step_size`` (seconds since the scenario's start).

        Returns one array for every output port; it holds over [time, time + step_size), or at its
        end for signals whose cell method is 'point'.
        """

    def warm_up(self) -> None:  # noqa: B027 -- most are ready when they are built
        """Load what the first step needs and is slow to load; called once before it.

        Only where the model is computed, and never for a scenario that is merely looked at.
        """

    def round(self, time: int, number: int, inputs: Inputs) -> Outputs | None:
        """Take part in one round of a negotiation, before the step that begins at ``time``.

        Who leads speaks first. All who receive one of its ports `in_rounds` then answer at once,
        from their state before the step, and the next round begins with their answers. When the
        leader returns None the negotiation is over; then all step as ever, the leader first if its
        step's outputs reach the others.

        Args:
            time: seconds since the start of the scenario; the leader's steps, not one's own, say
                when a negotiation takes place.
            number: of the round, from 0.
            inputs: the input ports `in_rounds`; for the leader all of them. In round 0 nobody has
                answered yet: see `Port.blank`.

        Returns:
            One array for every output port `in_rounds`; None if the leader ends the negotiation.
        """
        raise NotImplementedError(f"{type(self).__name__} does not negotiate")

    def take_outputs(self, names: frozenset[str]) -> None:  # noqa: B027 -- most leave nothing out
        """Learn which outputs anybody takes, before the first step: steps may leave out the others.

        Never called where all are taken.
        """

    def initial_outputs(self) -> Outputs:
        """Return what is known at time 0 before any step, for those who observe with a delay.

        Ports left out are unknown (see `Port.blank`).
        """
        return {}

    def static(self) -> tuple[StaticVariable, ...]:
        """Return the constants that belong in the record."""
        return ()

    def forecast(self, *, by_element: bool = False) -> Forecast | None:  # noqa: ARG002
        """Return the power this model expected before delivery, or None if it makes no forecast.

        Args:
            by_element: each element apart, where the model can tell them apart.
        """
        return None

    def future(self, interval_s: int) -> Outputs | None:  # noqa: ARG002
        """Return what this model will send whatever the others do, or None if that depends on them.

        For baselines and bounds with perfect information; controllers ask `Controller.futures`.

        Args:
            interval_s: the values are means over the run's intervals of this length, a multiple
                of the step size.

        Returns:
            Arrays (interval, element) by signal.
        """
        return None

    def summary(self) -> Mapping[str, float]:
        """Return counters of the run that belong in the record, by name."""
        return {}

    def wall_times_s(self) -> Mapping[str, float]:
        """Return the wall time of what takes long within the steps, all of them up to now, by name.

        Apart from `summary`, because it differs from run to run.
        """
        return {}

    def remarks(self) -> tuple[str, ...]:
        """Return what a user should know of how this model read its configuration."""
        return ()

    def close(self) -> None:  # noqa: B027 -- most models have nothing to release
        """Release whatever the model holds; called once, also after an error."""

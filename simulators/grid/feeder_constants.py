"""The constants that a `Feeder` is made of, read from a grid model and checked."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.model import FloatArray, Model

_KIND_OF = {
    "bus_nominal_voltage_kv": "bus",
    "bus_node": "bus",
    "line_from_bus": "line",
    "line_to_bus": "line",
    "line_rated_current_a": "line",
    "line_resistance_ohm": "line",
    "line_reactance_ohm": "line",
    "line_in_service": "line",
    "transformer_hv_bus": "transformer",
    "transformer_lv_bus": "transformer",
    "transformer_rated_power_kva": "transformer",
    "transformer_resistance_pu": "transformer",
    "transformer_reactance_pu": "transformer",
    "transformer_ratio_pu": "transformer",
    "transformer_in_service": "transformer",
    "source_bus": "source",
    "source_voltage_pu": "source",
    "source_resistance_ohm": "source",
    "source_reactance_ohm": "source",
    "connection_point_bus": "connection_point",
    "connection_point_phase": "connection_point",
    "voltage_limit_low_pu": "",
    "voltage_limit_high_pu": "",
}
"""What a grid has to tell, and of which elements; '': one number."""
_NEEDED_IN_SERVICE = {
    "line": ("line_resistance_ohm", "line_reactance_ohm"),
    "transformer": (
        "transformer_rated_power_kva",
        "transformer_resistance_pu",
        "transformer_reactance_pu",
        "transformer_ratio_pu",
    ),
}
"""Numbers without which a branch in service cannot be represented."""


@dataclass(frozen=True, kw_only=True)
class Constants:
    """Everything that a grid tells of itself."""

    grid: Model
    values: dict[str, NDArray[np.generic]]
    """Constants by name."""

    @classmethod
    def of(cls, grid: Model) -> "Constants":
        """Read the constants of a grid.

        Raises:
            ScenarioError: some are missing or contradict each other, or the grid has branches
                that are neither lines nor two-winding transformers.
        """
        values = {told.name: np.asarray(told.values) for told in grid.static()}
        missing = [name for name in _KIND_OF if name not in values]
        if missing:
            raise _refusal(
                grid,
                f"does not tell {listing(missing, limit=len(missing))}",
                expected="these constants among those of its static()",
            )
        if values.get("other_branches", np.zeros(())) > 0:
            raise _refusal(
                grid,
                "has branches that are neither lines nor two-winding transformers",
                expected="none in service, such as three-winding transformers or DC lines",
            )
        constants = cls(grid=grid, values=values)
        constants._require_sound()
        return constants

    def __getitem__(self, name: str) -> FloatArray:
        """Return a constant as floating-point numbers."""
        return self.values[name].astype(np.float64)

    def positions(self, name: str) -> IndexArray:
        """Return positions along the buses."""
        return self.values[name].astype(np.int64)

    def phases(self) -> NDArray[np.bool_]:
        """Return which of the phases a, b, c each connection point is connected to: (point, 3)."""
        told = self.values["connection_point_phase"].astype(str)
        return np.array([[label in phases for label in "abc"] for phases in told], dtype=bool)

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the names of the elements of a kind, as the grid's ports give them."""
        if kind == "connection_point" and self.grid.connection_points is not None:
            return self.grid.connection_points
        for port in self.grid.ports:
            if port.elements is not None and port.elements.kind == kind:
                return port.elements.names
        return tuple(f"{kind} {position}" for position in range(self._length(kind)))

    def _length(self, kind: str) -> int:
        return len(self.values[next(name for name, of in _KIND_OF.items() if of == kind)])

    def _require_sound(self) -> None:
        problems = [*self._odd_lengths(), *self._strange_buses(), *self._unknown_numbers()]
        if not self._length("source"):
            problems.append("has no source")
        if problems:
            raise _refusal(self.grid, "; ".join(problems), expected="constants of one sound grid")

    def _odd_lengths(self) -> Iterable[str]:
        for name, kind in _KIND_OF.items():
            shape = (len(self.names(kind)),) if kind else ()
            if self.values[name].shape != shape:
                yield f"tells {name} with shape {self.values[name].shape} instead of {shape}"

    def _strange_buses(self) -> Iterable[str]:
        for name in _KIND_OF:
            if name.endswith("_bus") or name == "bus_node":
                position = self.positions(name)
                if ((position < 0) | (position >= self._length("bus"))).any():
                    yield f"tells a {name} that is no position of a bus"

    def _unknown_numbers(self) -> Iterable[str]:
        for kind, needed in _NEEDED_IN_SERVICE.items():
            used = self[f"{kind}_in_service"] > 0
            for name in needed:
                unknown = np.flatnonzero(used & ~np.isfinite(self[name]))
                if unknown.size:
                    names = self.names(kind)
                    yield f"does not tell {name} of {listing([names[i] for i in unknown])}"


def _refusal(grid: Model, what: str, *, expected: str) -> ScenarioError:
    return ScenarioError(
        Problem(message=f"grid '{grid.name}' {what}, so its feeder is not known", expected=expected)
    )

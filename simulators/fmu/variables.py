"""The variables of an FMU: their types, what may be done with them, and how they are found."""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np

from gridloom.simulators.errors import Key, Problem, ScenarioError, listing, nearest

_KNOWN_LIMIT = 8


@dataclass(frozen=True, kw_only=True)
class FmiType:
    """A numeric type of the standard: how its numbers lie in memory, who moves them."""

    function: str
    """What follows Get and Set in the functions' names."""
    dtype: type[np.generic]
    ctype: Any

    @property
    def is_real(self) -> bool:
        """Whether it is a floating-point number."""
        return issubclass(self.dtype, np.floating)


def _fmi3(name: str, dtype: type[np.generic], ctype: Any) -> FmiType:
    return FmiType(function=name, dtype=dtype, ctype=ctype)


_INT64 = _fmi3("Int64", np.int64, ctypes.c_int64)
_INTEGER = FmiType(function="Integer", dtype=np.intc, ctype=ctypes.c_int)
NUMERIC: Mapping[int, Mapping[str, FmiType]] = {
    2: {
        "Real": FmiType(function="Real", dtype=np.float64, ctype=ctypes.c_double),
        "Integer": _INTEGER,
        "Enumeration": _INTEGER,
        "Boolean": FmiType(function="Boolean", dtype=np.intc, ctype=ctypes.c_int),
    },
    3: {
        "Float64": _fmi3("Float64", np.float64, ctypes.c_double),
        "Float32": _fmi3("Float32", np.float32, ctypes.c_float),
        "Int8": _fmi3("Int8", np.int8, ctypes.c_int8),
        "UInt8": _fmi3("UInt8", np.uint8, ctypes.c_uint8),
        "Int16": _fmi3("Int16", np.int16, ctypes.c_int16),
        "UInt16": _fmi3("UInt16", np.uint16, ctypes.c_uint16),
        "Int32": _fmi3("Int32", np.int32, ctypes.c_int32),
        "UInt32": _fmi3("UInt32", np.uint32, ctypes.c_uint32),
        "Int64": _INT64,
        "UInt64": _fmi3("UInt64", np.uint64, ctypes.c_uint64),
        "Enumeration": _INT64,
        "Boolean": _fmi3("Boolean", np.bool_, ctypes.c_bool),
    },
}
"""Types of variables that are numbers here, by version of the standard and name."""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """What the model description says of one variable."""

    name: str
    reference: int
    """Value reference."""
    type: str
    causality: str
    variability: str
    initial: str
    """exact, approx or calculated; '' where the standard gives it none."""
    unit: str
    """Declared unit, or ''."""
    size: int
    """Number of values: 1, or more for an array (FMI 3.0)."""
    is_array: bool
    minimum: float
    maximum: float

    @property
    def may_start(self) -> bool:
        """Whether its value may be given before the simulation."""
        if self.causality in {"parameter", "input"}:
            return True
        return self.initial in {"exact", "approx"} and self.variability != "constant"


def described(variable: Any) -> Variable:
    """Return what FMPy read of a variable."""
    declared = variable.declaredType
    unit = variable.unit or (declared.unit if declared is not None else None) or ""
    return Variable(
        name=variable.name,
        reference=variable.valueReference,
        type=variable.type,
        causality=variable.causality,
        variability=variable.variability or "",
        initial=variable.initial or "",
        unit=unit,
        size=prod(variable.shape or ()),
        is_array=bool(variable.shape),
        minimum=_bound(variable, "min", -np.inf),
        maximum=_bound(variable, "max", np.inf),
    )


def find_variable(variables: Mapping[str, Variable], name: str, key: Key) -> Variable:
    """Return the variable ``name``.

    Raises:
        ScenarioError: there is none; with the nearest name.
    """
    if name in variables:
        return variables[name]
    useful = [v.name for v in variables.values() if v.causality in {"input", "output", "parameter"}]
    raise ScenarioError(
        Problem(
            message=f"the FMU has no variable '{name}'",
            key=key,
            expected=f"one of {listing(useful, limit=_KNOWN_LIMIT)}",
            suggestion=nearest(name, variables),
        )
    )


def misuse(variable: Variable, direction: Literal["sends", "receives"]) -> str:
    """Say why a variable cannot be sent or received, or ''."""
    if direction == "sends":
        if variable.causality in {"output", "local", "calculatedParameter"}:
            return ""
        return f"'{variable.name}' is {_kind(variable)}, not an output"
    if variable.causality == "input":
        return ""
    if variable.causality == "parameter" and variable.variability == "tunable":
        return ""
    return f"'{variable.name}' is {_kind(variable)}, not an input"


def _kind(variable: Variable) -> str:
    kind = {"calculatedParameter": "calculated parameter", "independent": "independent variable"}
    words = kind.get(variable.causality, variable.causality)
    words = f"{variable.variability} {words}" if words == "parameter" else words
    words = "local variable" if words == "local" else words
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _bound(variable: Any, name: str, default: float) -> float:
    """Return a declared bound, the variable's own or its type's."""
    own = getattr(variable, name)
    declared = variable.declaredType
    text = own if own is not None else getattr(declared, name, None)
    return default if text is None else float(text)

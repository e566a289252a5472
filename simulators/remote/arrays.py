"""Arrays in JSON messages between gridloom's own processes: exact, and fast.

A third party gets lists of numbers; among ourselves the bytes travel as they are, in base64, which
costs a tenth of writing and reading the digits.
"""

import math
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np

from gridloom.simulators.model import FloatArray

_DTYPE = np.dtype("<f8")


def pack(arrays: Mapping[str, FloatArray]) -> dict[str, Any]:
    """Return arrays as values that JSON can express."""
    return {
        name: [
            list(array.shape),
            b64encode(np.ascontiguousarray(array, _DTYPE).tobytes()).decode("ascii"),
        ]
        for name, array in arrays.items()
    }


def unpack(packed: Mapping[str, Any]) -> dict[str, FloatArray]:
    """Return the arrays that `pack` was given, read-only.

    Raises:
        ValueError: it is not what `pack` makes.
    """
    try:
        return {
            name: np.frombuffer(b64decode(text, validate=True), _DTYPE).reshape(shape)
            for name, (shape, text) in packed.items()
        }
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ValueError(f"these are no packed arrays: {error}") from None


def listed(values: Any) -> Any:
    """Return an array or number as a third party gets it: in lists, null for NaN.

    JSON does not have NaN; the mosaik API's other implementations refuse it.
    """
    plain = values.tolist() if isinstance(values, np.ndarray | np.generic) else values
    return _without_nan(plain)


def _without_nan(values: Any) -> Any:
    if isinstance(values, list):
        return [_without_nan(value) for value in values]
    return None if isinstance(values, float) and math.isnan(values) else values

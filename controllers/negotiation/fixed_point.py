"""Values as integers modulo 2^64, whose sums are exact in whatever order they are added."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import FloatArray

WordArray: TypeAlias = NDArray[np.uint64]
"""Integers modulo 2^64."""
QUANTA_PER_UNIT = 1e6
"""Values are rounded to a millionth: to mW, where they are in kW."""
_LARGEST = 2.0**62


def fixed_point(values: FloatArray, most_terms: int) -> WordArray:
    """Return values as integers modulo 2^64, in units of a millionth.

    Args:
        values: finite.
        most_terms: how many of them may be added up.

    Raises:
        OverflowError: a value is not finite, or so large that the sum might not fit.
    """
    quanta = np.rint(values * QUANTA_PER_UNIT)
    largest = _LARGEST / max(most_terms, 1)
    if not (np.abs(quanta) <= largest).all():
        raise OverflowError(
            f"a value is not finite or beyond {largest / QUANTA_PER_UNIT:g}, too large to be added "
            "up in 64 bits"
        )
    return quanta.astype(np.int64).view(np.uint64)


def from_fixed_point(words: WordArray) -> FloatArray:
    """Return the values that integers modulo 2^64 stand for."""
    values: FloatArray = words.view(np.int64) / QUANTA_PER_UNIT
    return values

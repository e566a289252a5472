"""Reading tables of a pandapower net whose columns and values may be absent."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def in_service(net: Any, table: str) -> Any:
    """Return the rows of a table that are in service."""
    return net[table][net[table]["in_service"].astype(bool)]


def column(table: Any, name: str) -> NDArray[np.float64]:
    """Return a column of numbers, 0 where there is no number."""
    if name not in table:
        return np.zeros(len(table))
    numbers: NDArray[np.float64] = table[name].to_numpy(dtype=float, na_value=np.nan)
    return np.nan_to_num(numbers)


def tap_offset(table: Any, tap: str = "tap") -> NDArray[np.float64]:
    """Return by how many steps taps are off neutral, 0 where the net does not say."""
    if f"{tap}_pos" not in table or f"{tap}_neutral" not in table:
        return np.zeros(len(table))
    position: NDArray[np.float64] = table[f"{tap}_pos"].to_numpy(dtype=float, na_value=np.nan)
    neutral: NDArray[np.float64] = table[f"{tap}_neutral"].to_numpy(dtype=float, na_value=np.nan)
    return np.nan_to_num(position - neutral)

"""One variable made of two parts: rows in a file, read on demand, and the rows that follow them."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing


def joined(in_place: xr.Variable, following: NDArray[Any]) -> xr.Variable:
    """Append rows in memory to a variable whose first axis is time, without reading it."""
    if isinstance(in_place, xr.IndexVariable):
        return xr.Variable(
            in_place.dims, np.concatenate([in_place.to_numpy(), following]), in_place.attrs
        )
    rows = indexing.LazilyIndexedArray(_JoinedRows(in_place, following))
    return xr.Variable(in_place.dims, rows, in_place.attrs, in_place.encoding)


class _JoinedRows(BackendArray):
    def __init__(self, in_place: xr.Variable, following: NDArray[Any]) -> None:
        self._in_place = in_place
        self._following = following.astype(in_place.dtype, copy=False)
        self.shape = (len(in_place) + len(following), *in_place.shape[1:])
        self.dtype = in_place.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """Read with integers and slices of positive step, which is all that xarray asks for."""
        of_time, *others = key
        boundary = len(self._in_place)
        if not isinstance(of_time, slice):
            if of_time >= boundary:
                return np.asarray(self._following[(of_time - boundary, *others)])
            return np.asarray(self._in_place[key].to_numpy())
        rows = range(self.shape[0])[of_time]
        first = len(range(rows.start, min(rows.stop, boundary), rows.step))
        before = slice(rows.start, min(rows.stop, boundary), rows.step) if first else slice(0)
        after = rows[first:]
        return np.concatenate(
            [
                self._in_place[(before, *others)].to_numpy(),
                self._following[
                    (slice(after.start - boundary, after.stop - boundary, after.step), *others)
                ]
                if after
                else self._following[(slice(0), *others)],
            ]
        )

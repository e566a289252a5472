"""Arrays between gridloom's own processes: every bit of every float, and nothing else."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from gridloom.simulators.remote.arrays import pack, unpack

_SHAPES = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
# Bit patterns rather than numbers: signalling NaN, payloads, -0.0, subnormal and infinite ones.
_BITS = npst.arrays(np.uint64, _SHAPES)


@given(_BITS)
def test_every_bit_arrives(bits: NDArray[np.uint64]) -> None:
    sent = bits.view(np.float64) if bits.ndim else bits.reshape(1).view(np.float64).reshape(())
    arrived = unpack(json.loads(json.dumps(pack({"power_kw": sent}))))["power_kw"]
    assert arrived.shape == sent.shape
    assert arrived.tobytes() == sent.tobytes()
    assert not arrived.flags.writeable


@pytest.mark.parametrize("order", ["F", "strided", ">f8", "f4"])
def test_whatever_the_layout_in_memory(order: str) -> None:
    plain = np.arange(12.0).reshape(3, 4)
    sent: Any = {
        "F": np.asfortranarray(plain),
        "strided": np.repeat(plain, 2, axis=1)[:, ::2],
        ">f8": plain.astype(">f8"),
        "f4": plain.astype(np.float32),
    }[order]
    arrived = unpack(pack({"x": sent}))["x"]
    np.testing.assert_array_equal(arrived, plain)
    assert arrived.dtype == np.float64


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(max_examples=50)
@given(_JSON | st.dictionaries(st.text(), st.tuples(st.lists(st.integers()), st.text())))
def test_garbage_is_a_value_error(packed: Any) -> None:
    try:
        found = unpack(packed)
    except ValueError:
        return
    assert all(array.dtype == np.float64 for array in found.values())


@pytest.mark.parametrize(
    "packed",
    [
        {"x": [[2], "AAAAAAAAAAA="]},  # one number for two
        {"x": [[10**30], "AAAAAAAAAAA="]},
        {"x": [[1], "AAAA"]},  # three bytes
        {"x": [[1], "AAAA*AAAAAAA="]},  # no base64
        {"x": [[1.5], "AAAAAAAAAAA="]},
        {"x": 5},
        [],
    ],
)
def test_what_is_no_packed_array(packed: Any) -> None:
    with pytest.raises(ValueError, match="these are no packed arrays"):
        unpack(packed)

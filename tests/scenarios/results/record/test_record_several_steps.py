"""Rows that cover several steps, against pandas, which knows the steps themselves."""

import tracemalloc
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridloom.scenarios.results.record import Column, RowOfSteps, columns_of
from gridloom.simulators.errors import RecordError
from gridloom.simulators.model import Direction, ElementSet, FloatArray, Port
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    LINE_CURRENT,
    POWER,
    STATE_OF_CHARGE,
    Signal,
    Statistic,
)

ALL: tuple[Statistic, ...] = ("mean", "min", "max", "last")
MESSAGES = Signal(name="messages", unit="1", long_name="messages", cell_method="sum")


def _port(signal: Signal, length: int | None) -> Port:
    names = tuple(f"e{i}" for i in range(length or 0))
    elements = None if length is None else ElementSet(kind="element", owner="x", names=names)
    return Port(signal=signal, direction=Direction.OUTPUT, elements=elements)


def _rows(
    columns: list[Column], values: FloatArray, *, step_s: int, steps_a_row: int
) -> dict[str, FloatArray]:
    """Return the rows of all variables made of one output's steps."""
    output = columns[0].output
    row = RowOfSteps("x", columns, step_s=step_s, length_s=step_s * steps_a_row)
    made = [row.close() for i, v in enumerate(values) if row.take(i * step_s, {output: v})]
    return {c.port.name: np.array([each[c.port.name] for each in made]) for c in columns}


numbers = st.one_of(
    st.floats(-1e6, 1e6, allow_subnormal=False), st.just(float("nan")), st.integers(0, 3).map(float)
)


@given(
    values=st.tuples(st.integers(1, 260), st.integers(1, 3)).flatmap(
        lambda shape: arrays(np.float64, shape, elements=numbers)
    ),
    steps_a_row=st.integers(2, 130),
    step_s=st.sampled_from([1, 60]),
)
@settings(max_examples=60, deadline=None)
def test_statistics_are_those_that_pandas_finds(
    values: FloatArray, steps_a_row: int, step_s: int
) -> None:
    port = _port(BUS_VOLTAGE, values.shape[1])
    rows = _rows(columns_of(port, ALL, step_s), values, step_s=step_s, steps_a_row=steps_a_row)
    whole = len(values) // steps_a_row * steps_a_row  # a row that is not full is not there
    steps = pd.DataFrame(values[:whole])
    expected = steps.groupby(np.arange(whole) // steps_a_row).agg(["mean", "min", "max", "last"])
    scale = np.nanmax(np.abs(values), initial=1.0)
    for statistic in ALL:
        judged = expected.xs(statistic, axis="columns", level=1).to_numpy()
        suffix = "" if statistic == "mean" else f"_{statistic}"
        found = rows.pop(f"bus_voltage_pu{suffix}").reshape(judged.shape)
        exact = statistic != "mean"  # which is summed in another order
        np.testing.assert_allclose(found, judged, rtol=0, atol=0 if exact else 1e-12 * scale)
    assert not rows


@given(
    values=arrays(np.float64, st.tuples(st.integers(2, 150), st.integers(1, 3)), elements=numbers),
    steps_a_row=st.integers(2, 70),
)
@settings(max_examples=60, deadline=None)
def test_power_drawn_and_power_fed_in_are_told_apart(values: FloatArray, steps_a_row: int) -> None:
    port = _port(POWER, values.shape[1])
    rows = _rows(columns_of(port, (), 60), values, step_s=60, steps_a_row=steps_a_row)
    whole = len(values) // steps_a_row * steps_a_row
    steps = pd.DataFrame(values[:whole]).groupby(np.arange(whole) // steps_a_row)
    mean_kw, netted_kw = (
        rows[name].reshape(-1, values.shape[1]) for name in ("power_kw", "power_kw_netted")
    )
    scale = np.nanmax(np.abs(values), initial=1.0)
    for sign in (1.0, -1.0):
        expected = steps.agg(lambda of_row, sign=sign: (sign * of_row).clip(lower=0.0).mean())
        found = np.maximum(sign * mean_kw, 0.0) + netted_kw
        judged = expected.to_numpy().reshape(found.shape)
        np.testing.assert_allclose(found, judged, rtol=0, atol=1e-12 * scale)


def test_nothing_is_netted_of_what_goes_one_way() -> None:
    """Exactly: only zeros take no room in the file."""
    values = np.stack([np.linspace(0.1, 3.7, 90), -np.linspace(0.1, 3.7, 90)], axis=1)
    rows = _rows(columns_of(_port(POWER, 2), (), 1), values, step_s=1, steps_a_row=45)
    np.testing.assert_array_equal(rows["power_kw_netted"], np.zeros((2, 2)))


@given(
    counts=arrays(np.float64, st.integers(4, 80), elements=st.integers(0, 1000).map(float)),
    steps_a_row=st.integers(2, 4),
)
@settings(max_examples=30, deadline=None)
def test_counts_add_up_and_states_are_the_last(counts: FloatArray, steps_a_row: int) -> None:
    counted = _rows(
        columns_of(_port(MESSAGES, None), (), 1), counts, step_s=1, steps_a_row=steps_a_row
    )
    whole = len(counts) // steps_a_row * steps_a_row
    assert counted["messages"].sum() == counts[:whole].sum()
    state = _rows(
        columns_of(_port(STATE_OF_CHARGE, None), ("last",), 1),
        np.where(counts > 500, np.nan, counts),
        step_s=1,
        steps_a_row=steps_a_row,
    )
    at_end = np.where(counts > 500, np.nan, counts)[steps_a_row - 1 : whole : steps_a_row]
    np.testing.assert_array_equal(state["state_of_charge"], at_end)
    seen = np.isfinite(at_end)
    np.testing.assert_array_equal(state["state_of_charge_last"][seen], at_end[seen])


@pytest.mark.parametrize(
    ("signal", "asked", "methods"),
    [
        (
            POWER,
            (),
            {
                "power_kw": "mean (interval: 60 s)",
                "power_kw_netted": "mean (interval: 60 s comment: of power drawn or power fed in",
            },
        ),
        (
            LINE_CURRENT,
            ("mean", "max", "max"),
            {
                "line_current_a": "mean (interval: 60 s)",
                "line_current_a_max": "maximum (interval: 60 s)",
            },
        ),
        (
            STATE_OF_CHARGE,
            ("last", "mean"),
            {
                "state_of_charge": "point",
                "state_of_charge_last": "point (comment: last known value)",
                "state_of_charge_mean": "mean (interval: 60 s)",
            },
        ),
        (MESSAGES, ("min",), {"messages": "sum (interval: 60 s)", "messages_min": "minimum"}),
        # A plug-in's own: over several steps it is still the highest
        (
            replace(POWER, name="peak_kw", cell_method="maximum"),
            ("max",),
            {"peak_kw": "maximum (interval: 60 s)"},
        ),
    ],
)
def test_cell_methods_are_those_of_cf(
    signal: Signal, asked: Iterable[Statistic], methods: dict[str, str]
) -> None:
    columns = columns_of(_port(signal, 2), asked, 60)
    told = {column.port.name: column.port.signal for column in columns}
    assert told.keys() == methods.keys()
    for name, method in methods.items():
        assert told[name].cell_method.startswith(method)
        assert told[name].unit == signal.unit


def test_a_missing_step_or_output_is_an_error() -> None:
    row = RowOfSteps("grid", columns_of(_port(POWER, 2), (), 1), step_s=1, length_s=3)
    assert not row.take(0, {"power_kw": np.zeros(2)})
    with pytest.raises(RecordError, match=r"'grid' sent its step of 2 s when that of 1 s was due"):
        row.take(2, {"power_kw": np.zeros(2)})
    with pytest.raises(RecordError, match=r"sent no 'power_kw' at 1 s"):
        row.take(1, {})


def test_memory_does_not_grow_with_the_steps() -> None:
    columns = columns_of(_port(BUS_VOLTAGE, 500), ALL, 1)
    row = RowOfSteps("grid", columns, step_s=1, length_s=86_400)
    values = np.ones(500)

    def take(first: int, count: int) -> int:
        tracemalloc.reset_peak()
        for time_s in range(first, first + count):
            row.take(time_s, {"bus_voltage_pu": values})
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        short = take(0, 200)
        long = take(200, 4000)
    finally:
        tracemalloc.stop()
    assert long < short + 100_000  # 4000 steps are 16 MB

"""Records whose rows cover several steps: peaks are drawn as such, and means are called so."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.scenarios.live.followed_record import FollowedRecord
from gridloom.scenarios.results.record import RecordedModel, RowOfSteps, RunStatus, columns_of
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.model import (
    Dimension,
    Direction,
    ElementSet,
    FloatArray,
    Port,
    StaticVariable,
)
from gridloom.simulators.signals import (
    BUS_VOLTAGE,
    LINE_CURRENT,
    SLACK_POWER,
    STATE_OF_CHARGE,
    TRANSFORMER_LOADING,
    VOLTAGE,
    Signal,
    Statistic,
)
from gridloom.simulators.tariff_signals import IMPORT_PRICE

OUT = Direction.OUTPUT
ROW_S = 900
LINES = ElementSet(kind="line", owner="network", names=("L1", "L2"))
PHASES = Dimension(name="phase", labels=("a", "b"))
BUSES = ElementSet(kind="bus", owner="network", names=("B1", "B2"))
TRANSFORMERS = ElementSet(kind="transformer", owner="network", names=("T1",))
BATTERIES = ElementSet(kind="battery", owner="network", names=("S1",))
ELEMENTS: Mapping[Signal, ElementSet] = {
    LINE_CURRENT: LINES,
    BUS_VOLTAGE: BUSES,
    VOLTAGE: BUSES,
    TRANSFORMER_LOADING: TRANSFORMERS,
    STATE_OF_CHARGE: BATTERIES,
}
PER_PHASE = (LINE_CURRENT, BUS_VOLTAGE)
LEVEL = Signal(name="water_level_m", unit="m", long_name="level of the reservoir")

Record = Callable[..., dict[str, Any]]


def step_of(signal: Signal, time_s: int) -> FloatArray:
    """What each step holds: L2 is loaded evenly, and L1 for one second of each row to the full."""
    is_peak = time_s % ROW_S == 30
    values = {
        LINE_CURRENT: [[150.0 if is_peak else 10.0, 8.0], [60.0, 60.0]],
        BUS_VOLTAGE: [[0.87 if is_peak else 1.0, 1.0], [1.0, 1.13 if is_peak else 1.0]],
        VOLTAGE: [0.91 if is_peak else 1.0, 1.0],
        TRANSFORMER_LOADING: [110.0 if is_peak else 20.0],
        SLACK_POWER: 50.0 if is_peak else -4.0 if time_s % ROW_S == 31 else 5.0,
        STATE_OF_CHARGE: [time_s / 3600],
        IMPORT_PRICE: 100.0 if time_s % 2 else 50.0,
        LEVEL: 3.0 if time_s % 2 else 2.0,
    }
    return np.array(values[signal])


@pytest.fixture
def record(folder: RunFolder, begin: Any) -> Record:
    """Write two rows of 900 steps of these signals as a run does; return the state of its page."""

    def write(*signals: Signal, statistics: Sequence[Statistic] | None = None) -> dict[str, Any]:
        ports = [_port(signal) for signal in signals]
        columns = [
            column
            for port in ports
            for column in columns_of(
                port, port.signal.statistics if statistics is None else statistics, 1
            )
        ]
        rated = StaticVariable(
            name="line_rated_current_a",
            values=np.array([100.0, 100.0]),
            dimensions=("line",),
            unit="A",
            long_name="",
        )
        model = RecordedModel(
            name="network",
            type="grid",
            role="simulator",
            step_size=ROW_S,
            model_step_size=1,
            rows=2,
            ports=tuple(column.port for column in columns),
            static=(rated,) if LINE_CURRENT in signals else (),
        )
        writer = begin(folder.partial_record, models=[model])
        row = RowOfSteps("network", columns, step_s=1, length_s=ROW_S)
        for time_s in range(2 * ROW_S):
            if row.take(time_s, {each.name: step_of(each, time_s) for each in signals}):
                writer.write("network", time_s + 1 - ROW_S, row.close())
        writer.advance(2 * ROW_S)
        writer.close(RunStatus.COMPLETE)
        folder.finish()
        return FollowedRecord(folder.path).state()

    return write


def _port(signal: Signal) -> Port:
    dimensions = (PHASES,) if signal in PER_PHASE else ()
    return Port(signal=signal, direction=OUT, elements=ELEMENTS.get(signal), dimensions=dimensions)


def _curves(state: Mapping[str, Any], panel: str) -> dict[str, list[float]]:
    """Return what a panel shows, by label."""
    found = [each for each in state["panels"] if each["key"] == panel]
    assert len(found) == 1, state["panels"]
    return {
        curve["label"]: state["tables"][curve["table"]]["low"][curve["column"]]
        for curve in found[0]["curves"]
    }


def test_the_most_loaded_line_is_chosen_and_drawn_by_its_peaks(record: Record) -> None:
    state = record(LINE_CURRENT, TRANSFORMER_LOADING)
    # By its means it would be L2 at 60 %: those of L1 are (150 + 899 x 10) / 900 = 10.2 A
    assert state["line"] == {"name": "L1", "rated_a": 100.0, "is_most_loaded": True}
    assert _curves(state, "line") == {
        "L1, phase a, 15-min maximum": [150.0, 150.0],
        "L1, phase b, 15-min maximum": [8.0, 8.0],
    }
    assert _curves(state, "loading") == {
        "most loaded line, 15-min maximum": [150.0, 150.0],
        "most loaded transformer, 15-min maximum": [110.0, 110.0],
    }


def test_a_line_of_which_only_means_are_recorded_has_means_and_says_so(record: Record) -> None:
    state = record(LINE_CURRENT, statistics=())
    assert state["line"]["name"] == "L2"
    assert _curves(state, "loading") == {"most loaded line, 15-min mean": [60.0, 60.0]}
    assert _curves(state, "line") == {
        "L2, phase a, 15-min mean": [60.0, 60.0],
        "L2, phase b, 15-min mean": [60.0, 60.0],
    }


@pytest.mark.parametrize(
    ("signals", "lowest_pu", "highest_pu", "of_all"),
    [
        ((BUS_VOLTAGE, VOLTAGE), 0.87, 1.13, "buses"),
        ((VOLTAGE,), 0.91, 1.0, "buses"),
    ],
)
def test_voltages_are_between_their_extremes(
    record: Record, signals: Sequence[Signal], lowest_pu: float, highest_pu: float, of_all: str
) -> None:
    assert _curves(record(*signals), "voltage") == {
        f"lowest of all {of_all}, 15-min minimum": [lowest_pu] * 2,
        f"highest of all {of_all}, 15-min maximum": [highest_pu] * 2,
    }


def test_the_exchange_has_its_mean_and_its_extremes(record: Record) -> None:
    curves = _curves(record(SLACK_POWER), "power")
    mean_kw = (50.0 - 4.0 + 898 * 5.0) / 900
    assert curves.pop("from the upstream grid, 15-min mean") == pytest.approx([mean_kw] * 2)
    assert curves == {
        "from the upstream grid, 15-min minimum": [-4.0, -4.0],
        "from the upstream grid, 15-min maximum": [50.0, 50.0],
    }


def test_the_exchange_is_one_curve_where_only_its_mean_is_recorded(record: Record) -> None:
    curves = _curves(record(SLACK_POWER, statistics=()), "power")
    assert list(curves) == ["from the upstream grid, 15-min mean"]


def test_statistics_of_a_price_are_no_prices(record: Record) -> None:
    state = record(IMPORT_PRICE, statistics=("min", "max", "last"))
    # A price is that of the next step: the last step of each row is odd
    assert _curves(state, "price") == {"import price": [100.0, 100.0]}


def test_statistics_of_what_nobody_knows_are_no_panels(record: Record) -> None:
    state = record(LEVEL, statistics=("max", "last"))
    (panel,) = state["panels"]
    assert panel["title"] == "network: level of the reservoir"
    assert _curves(state, panel["key"]) == {"water_level_m, 15-min mean": [2.5, 2.5]}


def test_a_state_is_that_at_the_end_of_its_row(record: Record) -> None:
    state = record(STATE_OF_CHARGE)
    assert _curves(state, "charge") == {"network": pytest.approx([899 / 3600, 1799 / 3600])}
    assert state["panels"][0]["curves"][0]["at_end"]


def test_the_page_is_told_how_long_a_row_is(record: Record) -> None:
    assert record(SLACK_POWER)["rows_of_several_steps"] == [
        {"length": "15 min", "models": ["network"]}
    ]


def test_a_row_a_step_needs_no_remark(
    folder: RunFolder, begin: Any, feed: Any, foreign_model: RecordedModel, tmp_path: Path
) -> None:
    writer = begin(folder.partial_record)
    feed(writer, range(120))
    writer.close(RunStatus.COMPLETE)
    state = FollowedRecord(folder.path).state()
    assert state["rows_of_several_steps"] == []
    labels = [curve["label"] for panel in state["panels"] for curve in panel["curves"]]
    assert "most loaded line" in labels
    assert not [label for label in labels if "mean" in label.replace("ev, mean", "")]


def test_a_signal_of_its_own_that_is_called_like_a_statistic_is_shown(
    folder: RunFolder, begin: Any
) -> None:
    highest = Signal(name="water_level_m_max", unit="m", long_name="highest level ever")
    model = RecordedModel(
        name="reservoir",
        type="external",
        role="simulator",
        step_size=1,
        rows=1,
        ports=(Port(signal=LEVEL, direction=OUT), Port(signal=highest, direction=OUT)),
    )
    writer = begin(folder.partial_record, models=[model])
    values = {LEVEL.name: np.array(1.0), highest.name: np.array(2.0)}
    writer.write("reservoir", 0, values)
    writer.advance(1)
    writer.close(RunStatus.COMPLETE)
    titles = [panel["title"] for panel in FollowedRecord(folder.path).state()["panels"]]
    assert titles == ["reservoir: highest level ever", "reservoir: level of the reservoir"]


def test_ratings_of_lines_whose_currents_are_not_recorded_do_no_harm(
    folder: RunFolder, begin: Any
) -> None:
    rated = StaticVariable(
        name="line_rated_current_a",
        values=np.array([100.0, 100.0]),
        dimensions=("line",),
        unit="A",
        long_name="",
    )
    port = Port(signal=BUS_VOLTAGE, direction=OUT, elements=BUSES, dimensions=(PHASES,))
    model = RecordedModel(
        name="network",
        type="grid",
        role="simulator",
        step_size=1,
        rows=1,
        ports=(port, Port(signal=TRANSFORMER_LOADING, direction=OUT, elements=TRANSFORMERS)),
        static=(rated,),
    )
    writer = begin(folder.partial_record, models=[model])
    writer.write(
        "network", 0, {"bus_voltage_pu": np.ones((2, 2)), "transformer_loading_percent": np.ones(1)}
    )
    writer.advance(1)
    writer.close(RunStatus.COMPLETE)
    state = FollowedRecord(folder.path).state()
    assert [panel["key"] for panel in state["panels"]] == ["loading", "voltage"]

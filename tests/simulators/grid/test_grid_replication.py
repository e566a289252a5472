"""Copies of a network under one medium-voltage grid: what they are called, and that they are it."""

import sys
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pandapower
import pandapower.networks
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.cables import zero_sequence_ohm_per_km
from gridloom.simulators.grid.config import GridConfig, NetworkSource
from gridloom.simulators.grid.engine import PowerFlowSolution
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.grid.network import Network, network_of, read_network
from gridloom.simulators.grid.pandapower import PandapowerEngine
from gridloom.simulators.grid.pgm import PowerGridModelEngine
from gridloom.simulators.grid.replication import replicate
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.model import BuildContext

CABLE = "medium-voltage cable"
SHORT = {"cable_km": 1e-6}
"""Of no impedance to speak of."""
RATIO = np.tan(np.arccos(0.95))


def street(*, medium_kv: float = 11.0) -> Any:
    """Two houses, one of them on phase b, behind a transformer; most elements have no name."""
    return deepcopy(_street(medium_kv))


@cache
def _street(medium_kv: float) -> Any:
    net = pandapower.create_empty_network()
    source = pandapower.create_bus(net, medium_kv, name="station", geodata=(10.0, 20.0))
    low, end = (pandapower.create_bus(net, 0.4, geodata=(x, 10.0)) for x in (10.0, 12.0))
    pandapower.create_ext_grid(net, source, s_sc_max_mva=50.0, rx_max=0.3, name="grid")
    pandapower.create_transformer_from_parameters(
        net, source, low, 0.1, medium_kv, 0.4, 1.2, 4.0, 0.0, 0.0, shift_degree=150,
        vector_group="Dyn", vk0_percent=4.0, vkr0_percent=1.2, mag0_percent=1e6, mag0_rx=0,
        si0_hv_partial=0.9,
    )  # fmt: skip
    pandapower.create_line_from_parameters(
        net, low, end, 0.2, 0.4, 0.1, 200.0, 0.2, r0_ohm_per_km=1.6, x0_ohm_per_km=0.4,
        c0_nf_per_km=200.0, name="cable",
    )  # fmt: skip
    pandapower.create_load(net, low, p_mw=0.01)
    pandapower.create_asymmetric_load(net, end, p_b_mw=0.003, name="house")
    return net


def copied(net: Any, copies: int, **medium_voltage: Any) -> Any:
    source = {"name": "any", "copies": copies, "medium_voltage": medium_voltage}
    return replicate(net, NetworkSource.model_validate(source))


def read(context: BuildContext, copies: int, **keys: Any) -> Network:
    network = {"name": "ieee_european_lv", "copies": copies, **keys.pop("network", {})}
    return read_network(
        GridConfig.model_validate({"type": "grid", "network": network, **keys}), context
    )


@pytest.fixture(scope="module")
def three_feeders(feeder_context: BuildContext) -> Network:
    """Of the IEEE European LV feeder: only to be read."""
    keys = {"feeders_per_string": 2, "cable_km": 2}
    return read(feeder_context, 3, network={"medium_voltage": keys})


@pytest.fixture(scope="module")
def four_feeders(feeder_context: BuildContext) -> Network:
    """Of the same, without cable to speak of."""
    return read(feeder_context, 4, network={"medium_voltage": SHORT})


@pytest.fixture(scope="module")
def feeder_context() -> BuildContext:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return BuildContext(name="grid", start=start, duration_s=3600, seed=1)


def solved(network: Network, power_kw: Any, *, unbalanced: bool = True) -> PowerFlowSolution:
    engine = PowerGridModelEngine(network, unbalanced=unbalanced)
    return engine.solve(power_kw, RATIO * power_kw)


def of_copy(values: NDArray[Any], copy: int, copies: int) -> NDArray[Any]:
    """Return the rows of one copy, counted from 1: copies come one after another."""
    size = len(values) // copies
    return values[(copy - 1) * size : copy * size]


# ── What they are called ────────────────────────────────────────────────────────────


def test_one_copy_is_the_network_itself(context: BuildContext) -> None:
    net = street()
    assert copied(net, 1) is net
    one, plain = read(context, 1), read(context, 1, network={"medium_voltage": {}})
    assert one.connection_points.names == plain.connection_points.names
    assert one.line_names[116] == "LINE117"


def test_names_tell_the_copy(three_feeders: Network) -> None:
    names = three_feeders.connection_points.names
    assert names[0] == "1/LOAD1"
    assert names[55] == "2/LOAD1"
    assert names[-1] == "3/LOAD55"
    assert three_feeders.line_names[2 * 905 + 116] == "3/LINE117"
    assert three_feeders.line_names[-3:] == tuple(f"{copy}/{CABLE}" for copy in (1, 2, 3))
    assert three_feeders.transformer_names == ("1/Trafo", "2/Trafo", "3/Trafo")
    assert three_feeders.bus_names[0] == "1/SOURCEBUS"
    assert three_feeders.bus_names[-1] == "busbar"
    assert len(three_feeders.bus_names) == 3 * 907 + 1


def test_elements_without_or_with_the_same_name_are_called_as_in_the_network() -> None:
    net = street()
    pandapower.create_load(net, 2, p_mw=0.0, name="house")
    single, network = network_of(net), network_of(copied(net, 2))
    assert single.connection_points.names == ("load 0", "house", "house (2)")
    for kind in ("bus_names", "line_names", "transformer_names"):
        expected = [f"{copy}/{name}" for copy in (1, 2) for name in getattr(single, kind)]
        assert list(getattr(network, kind))[: len(expected)] == expected
    assert set(network.connection_points.names) == {
        f"{copy}/{name}" for copy in (1, 2) for name in single.connection_points.names
    }
    assert network.connection_points.phase == ("abc",) * 4 + ("b",) * 2


def test_a_rating_holds_for_all_copies_or_for_one(context: BuildContext) -> None:
    ratings = {"2/LINE117": 90.0, "LINE117": 65.0, CABLE: 300.0}
    network = read(context, 3, line_ratings_a=ratings)
    rated = dict(zip(network.line_names, network.line_rated_current_a, strict=True))
    assert [rated[f"{copy}/LINE117"] for copy in (1, 2, 3)] == [65.0, 90.0, 65.0]
    assert [rated[f"{copy}/{CABLE}"] for copy in (1, 2, 3)] == [300.0] * 3
    assert rated["1/LINE116"] == pytest.approx(421.0)


@pytest.mark.parametrize("name", ["LINE1177", "2/LINE1177", "4/LINE117"])
def test_a_rating_of_an_unknown_line_names_the_nearest_of_a_copy(name: str) -> None:
    net = street()
    net.line["name"] = "LINE117"
    with pytest.raises(ScenarioError, match="did you mean 'LINE117'") as caught:
        network_of(copied(net, 3), line_ratings_a={name: 65.0}, copies=3)
    assert caught.value.problems[0].key == ("line_ratings_a", name)


# ── That they are it ────────────────────────────────────────────────────────────────


def test_what_is_radial_stays_radial(context: BuildContext) -> None:
    """A transformer and four buses in a row, whose first is at the station."""
    network = {
        "name": "simple_four_bus_system",
        "copies": 5,
        "medium_voltage": {"feeders_per_string": 2},
    }
    grid = Grid(GridConfig.model_validate({"type": "grid", "network": network}), context)
    feeder = Feeder.of(grid)
    branches = len(feeder.line_names) + len(feeder.transformer_names)
    assert branches == len(feeder.bus_names) - 1
    assert len(feeder.tree.order) == len(feeder.bus_names)  # all are reached from the source
    stations = list(range(0, 5 * 4, 4))
    # Busbar to 1, 3 and 5 (2 and 4 are behind 1 and 3): depths 1, 2, 1, 2, 1.
    assert feeder.tree.depth[feeder.tree.place[stations]].tolist() == [1, 2, 1, 2, 1]


@pytest.mark.parametrize("unbalanced", [False, True])
def test_equal_copies_without_cable_are_the_single_feeder(
    unbalanced: bool, four_feeders: Network, ieee_network: Network
) -> None:
    """By symmetry: every copy has its share of the source, whose impedance is shared as well."""
    power_kw = np.random.default_rng(3).uniform(-4.0, 5.0, 55)
    one = solved(ieee_network, power_kw, unbalanced=unbalanced)
    four = solved(four_feeders, np.tile(power_kw, 4), unbalanced=unbalanced)
    for copy in (1, 4):
        voltage = of_copy(four.bus_voltage_pu[:-1], copy, 4)
        assert np.abs(voltage - one.bus_voltage_pu).max() < 1e-8
        current_a = of_copy(four.line_current_a[:-4], copy, 4)
        assert np.abs(current_a - one.line_current_a).max() < 1e-4
    assert four.slack_power_kw == pytest.approx(4 * one.slack_power_kw, rel=1e-5)


@settings(max_examples=15, deadline=None)
@given(
    powers=st.lists(
        st.tuples(st.floats(-10.0, 30.0), st.floats(-5.0, 5.0)), min_size=6, max_size=6
    ),
    copy=st.integers(1, 6),
)
def test_a_copy_is_the_single_feeder_at_the_voltage_it_gets(
    powers: list[tuple[float, float]], copy: int
) -> None:
    """The medium-voltage grid acts on a feeder by the voltage at its station alone."""
    # Of the copies, balanced loads come first, then the single-phase ones.
    whole = _six_streets().solve(np.ravel(powers, order="F"), np.zeros(12))
    voltage = of_copy(whole.bus_voltage_pu[:-1], copy, 6)
    net = street()
    net.ext_grid[["s_sc_max_mva", "vm_pu", "va_degree"]] = [
        np.nan,
        np.abs(voltage[0, 0]),
        np.degrees(np.angle(voltage[0, 0])),
    ]
    alone = PowerGridModelEngine(network_of(net), unbalanced=False)
    expected = alone.solve(np.array(powers[copy - 1]), np.zeros(2)).bus_voltage_pu
    assert np.abs(voltage - expected).max() < 1e-8


@cache
def _six_streets() -> PowerGridModelEngine:
    network = network_of(copied(street(), 6, feeders_per_string=4, cable_km=8.0))
    return PowerGridModelEngine(network, unbalanced=False)


def test_current_and_voltage_along_a_string_in_closed_form() -> None:
    """Hand calculation per phase; half of a cable's capacitance is at either end."""
    net = street()
    net.ext_grid["s_sc_max_mva"] = np.nan
    network = network_of(copied(net, 2, cable_km=10.0))
    solution = solved(network, np.array([60.0, 40.0, 0.0, 0.0]), unbalanced=False)
    busbar, first = solution.bus_voltage_pu[[6, 0], 0] * 11e3 / np.sqrt(3)
    cable_ohm = 10.0 * (0.122 + 0.105j)  # NA2XS2Y 1x240 RM/25 6/10 kV
    half_siemens = 0.5j * 2 * np.pi * 50 * 456e-9 * 10.0
    supplied_va = 1e3 * (solution.slack_power_kw + 1j * solution.slack_reactive_power_kvar) / 3
    supplied_a = np.conj(supplied_va / busbar)
    series_a = supplied_a - half_siemens * busbar
    assert abs(busbar - cable_ohm * series_a - first) < 1e-5
    ends_a = abs(supplied_a), abs(series_a - half_siemens * first)
    assert solution.line_current_a[-2, 0] == pytest.approx(max(ends_a), rel=1e-6)
    assert abs(first - busbar) > 1.0


@pytest.mark.parametrize("unbalanced", [False, True])
def test_pandapower_agrees(unbalanced: bool) -> None:
    net = street()
    net.ext_grid["s_sc_max_mva"] = np.nan  # `runpp_3ph` and power-grid-model differ in it
    network = network_of(copied(net, 3, feeders_per_string=2, cable_km=4.0))
    power_kw = np.array([20.0, 5.0, -8.0, 3.0, 1.0, 4.0])
    ours = solved(network, power_kw, unbalanced=unbalanced)
    theirs = PandapowerEngine(network, unbalanced=unbalanced).solve(power_kw, RATIO * power_kw)
    difference = np.abs(ours.bus_voltage_pu) - np.abs(theirs.bus_voltage_pu)
    assert np.abs(difference).max() < (5e-6 if unbalanced else 1e-8)
    assert ours.slack_power_kw == pytest.approx(theirs.slack_power_kw, abs=1e-2)


def test_opendss_agrees(three_feeders: Network) -> None:
    pytest.importorskip("dss")
    from gridloom.simulators.opendss.engine import OpenDssEngine

    power_kw = np.random.default_rng(5).uniform(0.0, 4.0, 165)
    ours = solved(three_feeders, power_kw)
    theirs = OpenDssEngine(three_feeders, unbalanced=True).solve(power_kw, RATIO * power_kw)
    assert np.abs(ours.bus_voltage_pu - theirs.bus_voltage_pu).max() < 1e-6
    assert ours.losses_kw == pytest.approx(theirs.losses_kw, rel=1e-4)


def test_switches_stay_with_their_copy() -> None:
    """The CIGRE low-voltage grid: 20 kV, three transformers, switches between buses."""
    net = pandapower.networks.create_cigre_network_lv()
    pandapower.create_switch(net, int(net.line.at[3, "from_bus"]), 3, et="l", closed=False)
    net.ext_grid["s_sc_max_mva"] = np.nan
    single, network = network_of(net), network_of(copied(net, 3, **SHORT))
    power_kw = np.full(len(single.connection_points.names), 5.0)
    one = solved(single, power_kw, unbalanced=False)
    three = solved(network, np.tile(power_kw, 3), unbalanced=False)
    assert np.isnan(one.bus_voltage_pu).any()  # behind the open switch
    for copy in (1, 2, 3):
        voltage = of_copy(three.bus_voltage_pu[:-1], copy, 3)
        np.testing.assert_allclose(voltage, one.bus_voltage_pu, atol=1e-8)


def test_zero_sequence_of_a_cable_is_that_of_core_and_screen() -> None:
    """Hand calculation for NA2XS2Y 1x240 RM/25 6/10 kV at 50 Hz."""
    resistance, reactance = zero_sequence_ohm_per_km(0.122, 456.0, 50.0)
    assert resistance == pytest.approx(0.122 + 0.727)
    # ln(r_screen / r_core) = 2 pi 8.854 2.3 / 456 = 0.2806; 0.06283 (0.25 + 0.2806)
    assert reactance == pytest.approx(0.03334, abs=1e-5)


def test_behind_delta_windings_the_cables_zero_sequence_does_not_matter() -> None:
    net = copied(street(), 2, cable_km=5.0)
    power_kw = np.array([2.0, 3.0, 4.0, 5.0])
    before = solved(network_of(net), power_kw).bus_voltage_pu
    for column in ("r0_ohm_per_km", "x0_ohm_per_km"):
        net.line.loc[net.line["type"] == "cs", column] *= 3.0
    assert np.abs(solved(network_of(net), power_kw).bus_voltage_pu - before).max() < 1e-9


def test_plots_do_not_overlap() -> None:
    network = network_of(copied(street(), 5, feeders_per_string=2))
    x, y = (c[:-1].reshape(5, 3) for c in (network.bus_x, network.bus_y))
    # Extents 2 by 10, 1.2 of it apart; strings of two, one below the other.
    assert x[:, 0] == pytest.approx([10.0, 12.4, 10.0, 12.4, 10.0])
    assert y[:, 0] == pytest.approx([20.0, 20.0, 8.0, 8.0, -4.0])
    assert network.bus_x[-1] < x.min()


# ── What is refused ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kv", [0.4, 110.0])
def test_copies_need_medium_voltage(kv: float) -> None:
    with pytest.raises(ScenarioError, match=f"at {kv:g} kV") as caught:
        copied(street(medium_kv=kv), 2)
    assert caught.value.problems[0].key == ("network", "copies")


@pytest.mark.parametrize(("kv", "cable"), [(11.0, "6/10 kV"), (20.0, "12/20 kV")])
def test_the_cable_suits_the_voltage(kv: float, cable: str) -> None:
    net = copied(street(medium_kv=kv), 2)
    assert net.line["std_type"].iloc[-1] == f"NA2XS2Y 1x240 RM/25 {cable}"
    assert network_of(net).missing_zero_sequence == ()


@pytest.mark.parametrize("name", ["NA2XS2Y 1x150 RM/25 6/10", "NAYY 4x50 SE", "34-AL1/6-ST1A 10.0"])
def test_an_unknown_cable_is_refused(name: str) -> None:
    with pytest.raises(ScenarioError, match="no medium-voltage cable") as caught:
        copied(street(), 2, cable=name)
    assert caught.value.problems[0].key == ("network", "medium_voltage", "cable")
    if name.startswith("NA2"):
        assert "did you mean 'NA2XS2Y 1x150 RM/25 6/10 kV'" in str(caught.value)


def test_a_cable_can_be_chosen() -> None:
    net = copied(street(), 2, cable="NA2XS2Y 1x95 RM/25 6/10 kV", cable_km=3.0)
    assert net.line["r_ohm_per_km"].iloc[-1] == 0.313
    assert net.line["length_km"].tolist() == [0.2, 0.2, 3.0, 3.0]


def test_exactly_one_source_is_needed() -> None:
    net = street()
    pandapower.create_ext_grid(net, 0)
    with pytest.raises(ScenarioError, match="2 external grids and 0 slack"):
        copied(net, 2)
    net = street()
    pandapower.create_gen(net, 0, p_mw=0.0, slack=True)
    with pytest.raises(ScenarioError, match="1 external grids and 1 slack"):
        copied(net, 2)


def test_an_external_grid_out_of_service_does_not_count() -> None:
    net = street()
    pandapower.create_ext_grid(net, 2, in_service=False)
    assert copied(net, 2).ext_grid["bus"].tolist() == [6]


def test_a_dc_grid_is_refused() -> None:
    net = street()
    pandapower.create_bus_dc(net, 1.0)
    with pytest.raises(ScenarioError, match="DC grid"):
        copied(net, 2)


@pytest.mark.parametrize(
    "keys",
    [
        {"copies": 0},
        {"copies": -1},
        {"copies": 1.5},
        {"medium_voltage": {"cable_km": 0.3}},  # joins nothing
        {"copies": 2, "medium_voltage": {"cable_km": 0}},
        {"copies": 2, "medium_voltage": {"feeders_per_string": 0}},
        {"copies": 2, "medium_voltage": {"length_km": 1}},
    ],
)
def test_bad_values_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NetworkSource.model_validate({"name": "ieee_european_lv", **keys})


# ── How long it takes ───────────────────────────────────────────────────────────────


def test_work_grows_no_faster_than_the_network() -> None:
    """Calls of functions, which every loop over elements here makes, by number of copies."""
    calls = {copies: _calls(street(), copies) for copies in (10, 20, 40)}
    first, second = calls[20] - calls[10], calls[40] - calls[20]
    assert second < 2.2 * first


def _calls(net: Any, copies: int) -> int:
    count = 0

    def counting(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        network_of(copied(net, copies), line_ratings_a={"cable": 65.0}, copies=copies)
    finally:
        sys.setprofile(before)
    return count

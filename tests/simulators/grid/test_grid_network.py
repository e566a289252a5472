"""Reading networks: names, ratings, coordinates, connection points and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import pandapower.networks
import pandapower.toolbox
import pytest
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.connection_points import unique_names
from gridloom.simulators.grid.network import Network, network_of, read_network
from gridloom.simulators.model import BuildContext


def read(context: BuildContext, **keys: Any) -> Network:
    return read_network(GridConfig.model_validate({"type": "grid", **keys}), context)


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"arguments": {"scenario": "on_peak_566"}},
        {"name": "case33bw", "file": "net.json"},
        {"name": "case33bw", "simbench": "1-LV-rural1--0-sw"},
        {"file": "net.json", "arguments": {"a": 1}},
        {"name": "ieee_european_lv", "arguments": {"scenario": "on_peak_566"}},
        {"nam": "case33bw"},
    ],
)
def test_a_network_has_exactly_one_source(source: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GridConfig.model_validate({"type": "grid", "network": source})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("voltage_limits_pu", [1.1, 0.9]),
        ("voltage_limits_pu", [1.0, 1.0]),
        ("line_ratings_a", {"LINE117": 0}),
        ("engine", "matpower"),
        ("phases", "three"),
        ("source_voltage_pu", -1),
        ("source_voltage_pu", 230),
        ("voltage_limits_pu", [90, 110]),
    ],
)
def test_bad_values_are_refused(key: str, value: object) -> None:
    network = {"name": "ieee_european_lv"}
    with pytest.raises(ValidationError) as caught:
        GridConfig.model_validate({"type": "grid", "network": network, key: value})
    assert caught.value.errors()[0]["loc"][0] == key


@pytest.mark.parametrize(
    ("source", "key", "hint"),
    [
        ({"name": "create_cigre_network_lw"}, ("network", "name"), "create_cigre_network_lv"),
        ({"name": "ieee_europaen_lv"}, ("network", "name"), "ieee_european_lv"),
        (
            {"name": "create_cigre_network_mv", "arguments": {"with_de": "pv_wind"}},
            ("network", "arguments"),
            "with_der",
        ),
        (
            {"name": "create_kerber_dorfnetz", "arguments": {"std_type": "no such cable"}},
            ("network", "arguments"),
            "no such cable",
        ),
        ({"file": "absent.json"}, ("network", "file"), "absent.json"),
    ],
)
def test_an_unknown_network_is_refused_with_a_hint(
    source: dict[str, Any], key: tuple[str, ...], hint: str, context: BuildContext
) -> None:
    with pytest.raises(ScenarioError) as caught:
        read(context, network=source)
    assert caught.value.problems[0].key == key
    assert hint in str(caught.value)


@pytest.mark.parametrize("text", ['{"a": 1}', "not json", "[1, 2]", ""])
def test_a_file_that_is_no_network_is_refused(
    text: str, tmp_path: Path, context: BuildContext
) -> None:
    (tmp_path / "net.json").write_text(text)
    with pytest.raises(ScenarioError, match=r"net\.json' is not a pandapower network"):
        read(context, network={"file": "net.json"})


def test_simbench_codes_are_checked(context: BuildContext) -> None:
    pytest.importorskip("simbench")
    with pytest.raises(ScenarioError, match="1-LV-rural1--0-sw"):
        read(context, network={"simbench": "1-LV-rural1-0-sw"})


def test_a_net_without_source_is_refused(
    two_bus_net: Any, net_file: Any, context: BuildContext
) -> None:
    two_bus_net.ext_grid["in_service"] = False
    with pytest.raises(ScenarioError, match="no external grid in service"):
        read(context, network={"file": net_file(two_bus_net)})


def test_a_slack_generator_is_a_source(
    two_bus_net: Any, net_file: Any, context: BuildContext
) -> None:
    two_bus_net.ext_grid["in_service"] = False
    pandapower.create_gen(two_bus_net, 0, p_mw=0.0, slack=True)
    assert read(context, network={"file": net_file(two_bus_net)}).bus_names == ("source", "end")


def test_a_net_where_nothing_can_be_connected_is_refused(two_bus_net: Any) -> None:
    two_bus_net.load["in_service"] = False
    with pytest.raises(ScenarioError, match="no load, static generator or storage unit"):
        network_of(two_bus_net)


def test_names_are_unique_and_none_is_changed_without_need() -> None:
    names = ["a", "a", None, float("nan"), " ", "a (2)", "line 3", 7]
    assert unique_names(names, range(8), "line") == (
        "a",
        "a (3)",  # 'a (2)' is somebody's own name
        "line 2",
        "line 3",
        "line 4",
        "a (2)",
        "line 3 (2)",
        "7",
    )


def test_ratings_count_derating_and_parallel_systems(two_bus_net: Any) -> None:
    two_bus_net.line["df"] = 0.9
    two_bus_net.line["parallel"] = 2
    assert network_of(two_bus_net).line_rated_current_a == pytest.approx([200 * 0.9 * 2])
    two_bus_net.line["max_i_ka"] = 0.0
    assert np.isnan(network_of(two_bus_net).line_rated_current_a).all()
    assert network_of(two_bus_net, line_ratings_a={"cable": 65.0}).line_rated_current_a == 65.0


def test_a_rating_of_an_unknown_line_names_the_nearest(two_bus_net: Any) -> None:
    with pytest.raises(ScenarioError) as caught:
        network_of(two_bus_net, line_ratings_a={"cabel": 65.0})
    problem = caught.value.problems[0]
    assert problem.key == ("line_ratings_a", "cabel")
    assert "'cable'" in problem.suggestion


def test_coordinates_come_from_geojson(two_bus_net: Any, ieee_network: Network) -> None:
    network = network_of(two_bus_net)
    assert np.isnan(network.bus_x).all()
    assert np.isnan(network.bus_y).all()
    # SOURCEBUS in the coordinates of the published feeder
    assert (ieee_network.bus_x[0], ieee_network.bus_y[0]) == (390883.0, 392897.0)
    assert np.isfinite(ieee_network.bus_x).all()


def test_connection_points_are_loads_and_resources_elsewhere(two_bus_net: Any) -> None:
    net = two_bus_net
    far = pandapower.create_bus(net, vn_kv=0.4)
    pandapower.create_line(net, 1, far, length_km=0.1, std_type="NAYY 4x50 SE")
    pandapower.create_load(net, 1, p_mw=0.001, name="house")
    pandapower.create_load(net, 1, p_mw=0.001, name="off", in_service=False)
    pandapower.create_asymmetric_load(net, 1, p_b_mw=0.001, name="flat")
    pandapower.create_asymmetric_load(net, 1, p_a_mw=0.001, q_c_mvar=0.001, name="shop")
    pandapower.create_sgen(net, 1, p_mw=0.001, name="roof")
    pandapower.create_sgen(net, far, p_mw=0.001, name="field")
    pandapower.create_storage(net, far, p_mw=0.0, max_e_mwh=0.1)
    pandapower.create_asymmetric_sgen(net, far, p_c_mw=0.001, name="plant")
    network = network_of(net)
    points = network.connection_points
    assert points.names == (
        *("house", "house (2)", "flat", "shop"),
        *("field", "plant", "storage 0"),
    )
    assert points.phase == ("abc", "abc", "b", "abc", "abc", "c", "abc")
    assert points.bus.tolist() == [1, 1, 1, 1, 2, 2, 2]
    assert points.of_element["sgen", 0] == "house"
    assert points.of_element["sgen", 1] == "field"
    assert ("load", 2) not in points.of_element
    assert network.connection_point_at(1) == "house"
    assert network.connection_point_at(far) == "field"
    with pytest.raises(KeyError):
        network.connection_point_at(0)


def test_bus_positions_do_not_depend_on_the_index(two_bus_net: Any) -> None:
    pandapower.toolbox.reindex_buses(two_bus_net, {0: 17, 1: 4})
    network = network_of(two_bus_net)
    bus_of = dict(zip(network.bus_index.tolist(), network.bus_names, strict=True))
    assert bus_of == {17: "source", 4: "end"}
    assert network.bus_names[int(network.line_from_bus[0])] == "source"
    assert network.connection_point_at(4) == "house"


@pytest.mark.parametrize("column", ["tap_changer_type", None])
def test_taps_of_unknown_type_are_applied_and_reported(
    column: str | None, net_file: Any, context: BuildContext
) -> None:
    net = pandapower.networks.simple_four_bus_system()
    net.trafo["tap_pos"] = 2
    if column:
        net.trafo[column] = None
    network = read(context, network={"file": net_file(net)})
    assert any("tap changer" in repair for repair in network.repairs) == (column is not None)
    assert network.net.trafo["tap_changer_type"].tolist() == ["Ratio"]


def test_a_network_survives_its_file(net_file: Any, context: BuildContext) -> None:
    net = pandapower.networks.create_cigre_network_mv()
    again = read(context, network={"file": net_file(net)})
    direct = read(context, network={"name": "create_cigre_network_mv"})
    assert again.line_names == direct.line_names
    assert again.connection_points.names == direct.connection_points.names
    np.testing.assert_array_equal(again.line_from_bus, direct.line_from_bus)
    np.testing.assert_allclose(again.bus_x, direct.bus_x)
    assert np.isfinite(again.bus_x).all()


def test_the_source_voltage_can_be_set(
    two_bus_net: Any, net_file: Any, context: BuildContext
) -> None:
    network = read(context, network={"file": net_file(two_bus_net)}, source_voltage_pu=1.03)
    assert network.net.ext_grid["vm_pu"].tolist() == [1.03]


def test_networks_that_draw_cables_at_random_follow_the_seed(context: BuildContext) -> None:
    import random

    name = "create_kerber_landnetz_kabel_1"
    random.seed(5)
    before = random.getstate()
    first, again = (read(context, network={"name": name}) for _ in range(2))
    other = read(replace(context, seed=2), network={"name": name})
    assert first.net.line["std_type"].equals(again.net.line["std_type"])
    assert not first.net.line["std_type"].equals(other.net.line["std_type"])
    assert random.getstate() == before

"""The IEEE European LV test feeder against solutions by OpenDSS, and what made it differ."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.pandapower import PandapowerEngine
from gridloom.simulators.grid.pgm import PowerGridModelEngine
from gridloom.simulators.model import FloatArray

CASES = ("on_peak_566", "off_peak_1", "off_peak_1440", "ev_evening")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def injections(folder: Path, case: str, network: Network) -> tuple[FloatArray, FloatArray]:
    by_load = {row["load"]: row for row in rows(folder / f"opendss_{case}_injections.csv")}
    power, reactive = (
        np.array([float(by_load[name][column]) for name in network.connection_points.names])
        for column in ("power_kw", "reactive_power_kvar")
    )
    return power, reactive


def voltages(folder: Path, case: str) -> FloatArray:
    return np.array(
        [
            [float(row[f"v{phase}_pu"]) for phase in "abc"]
            for row in rows(folder / f"opendss_{case}_voltages.csv")
        ]
    )


def line117_a(folder: Path, case: str) -> FloatArray:
    return np.array(
        [float(row["current_a"]) for row in rows(folder / f"opendss_{case}_line117_a.csv")]
    )


@pytest.fixture(scope="module")
def engine(ieee_network: Network) -> PowerGridModelEngine:
    return PowerGridModelEngine(ieee_network, unbalanced=True)


@pytest.mark.parametrize("case", CASES)
def test_pgm_reproduces_opendss(
    case: str, engine: PowerGridModelEngine, ieee_network: Network, reference_data: Path
) -> None:
    solution = engine.solve(*injections(reference_data, case, ieee_network))
    bus = [int(row["bus"]) for row in rows(reference_data / f"opendss_{case}_voltages.csv")]
    np.testing.assert_array_equal(ieee_network.bus_index, bus)
    magnitude = np.abs(solution.bus_voltage_pu)
    np.testing.assert_allclose(magnitude, voltages(reference_data, case), rtol=0, atol=1e-9)
    line117 = ieee_network.line_names.index("LINE117")
    np.testing.assert_allclose(
        solution.line_current_a[line117], line117_a(reference_data, case), rtol=0, atol=0.01
    )


@pytest.mark.parametrize("case", ["on_peak_566", "ev_evening"])
def test_pandapower_reproduces_opendss_within_its_known_error(
    case: str, ieee_network: Network, reference_data: Path
) -> None:
    engine = PandapowerEngine(ieee_network, unbalanced=True)
    solution = engine.solve(*injections(reference_data, case, ieee_network))
    magnitude = np.abs(solution.bus_voltage_pu)
    np.testing.assert_allclose(magnitude, voltages(reference_data, case), rtol=0, atol=4e-6)
    line117 = ieee_network.line_names.index("LINE117")
    np.testing.assert_allclose(
        solution.line_current_a[line117], line117_a(reference_data, case), rtol=0, atol=0.02
    )


def test_angles_follow_the_dyn1_transformer(
    engine: PowerGridModelEngine, ieee_network: Network, reference_data: Path
) -> None:
    solution = engine.solve(*injections(reference_data, "on_peak_566", ieee_network))
    expected = np.array(
        [
            [float(row[f"angle_{phase}_deg"]) for phase in "abc"]
            for row in rows(reference_data / "opendss_on_peak_566_voltages.csv")
        ]
    )
    turned = solution.bus_voltage_pu * np.exp(-1j * np.radians(expected))
    np.testing.assert_allclose(np.angle(turned), 0.0, atol=1e-6)


def test_every_house_is_on_its_phase_and_bus(ieee_network: Network, reference_data: Path) -> None:
    points = ieee_network.connection_points
    found = {
        name: (int(ieee_network.bus_index[bus]), phase)
        for name, bus, phase in zip(points.names, points.bus, points.phase, strict=True)
    }
    houses = rows(reference_data / "houses.csv")
    assert found == {row["name"]: (int(row["bus"]), "abc"[int(row["phase"]) - 1]) for row in houses}
    assert [points.phase.count(phase) for phase in "abc"] == [21, 19, 15]


def test_line117_lies_between_buses_114_and_118(ieee_network: Network) -> None:
    line = ieee_network.line_names.index("LINE117")
    ends = (ieee_network.line_from_bus[line], ieee_network.line_to_bus[line])
    assert [int(ieee_network.bus_index[end]) for end in ends] == [114, 118]


def test_without_the_repair_of_reactive_power_the_snapshot_is_wrong(
    ieee_network: Network,
) -> None:
    import pandapower.networks

    shipped = pandapower.networks.ieee_european_lv_asymmetric().asymmetric_load
    repaired = ieee_network.net.asymmetric_load
    ratio = np.tan(np.arccos(0.95))  # power factor of the feeder's loads
    for phase in "abc":
        active, reactive = repaired[f"p_{phase}_mw"], repaired[f"q_{phase}_mvar"]
        np.testing.assert_allclose(reactive, ratio * active, rtol=1e-12)
        np.testing.assert_array_equal(active, shipped[f"p_{phase}_mw"])
    np.testing.assert_allclose(  # phase a was right, to the digits that the file has
        repaired["q_a_mvar"], shipped["q_a_mvar"], rtol=0.01, atol=2e-6
    )


def test_the_magnetising_impedance_matters_to_pandapower(
    ieee_network: Network, reference_data: Path
) -> None:
    from copy import deepcopy

    from gridloom.simulators.grid.network import network_of

    net = deepcopy(ieee_network.net)
    net.trafo["mag0_percent"] = 100.0  # as shipped
    power, reactive = injections(reference_data, "on_peak_566", ieee_network)
    solution = PandapowerEngine(network_of(net), unbalanced=True).solve(power, reactive)
    error = np.abs(np.abs(solution.bus_voltage_pu) - voltages(reference_data, "on_peak_566"))
    assert error.max() > 1e-4


def test_the_source_has_the_short_circuit_power_of_the_feeder(ieee_network: Network) -> None:
    source = ieee_network.net.ext_grid.iloc[0]
    # sqrt(3) * 11 kV * 3 kA, and X1/R1 = 4 as OpenDSS takes where nothing is said
    assert source["s_sc_max_mva"] == pytest.approx(57.16, abs=0.01)
    assert source["rx_max"] == 0.25
    assert "57.16 MVA" in " ".join(ieee_network.repairs)


def test_a_balanced_study_hides_the_worst_phase(
    engine: PowerGridModelEngine, ieee_network: Network, reference_data: Path
) -> None:
    power, reactive = injections(reference_data, "on_peak_566", ieee_network)
    unbalanced = engine.solve(power, reactive)
    balanced = PowerGridModelEngine(ieee_network, unbalanced=False).solve(power, reactive)
    difference = np.abs(unbalanced.bus_voltage_pu) - np.abs(balanced.bus_voltage_pu)
    assert np.abs(difference).max() > 0.01
    line117 = ieee_network.line_names.index("LINE117")
    assert unbalanced.line_current_a[line117].max() > 1.5 * balanced.line_current_a[line117].max()


def test_power_is_conserved_through_the_transformer(ieee_network: Network) -> None:
    """Kirchhoff: no magnetising branch, so current in times its ratio is current out."""
    engine = PowerGridModelEngine(ieee_network, unbalanced=False)
    solution = engine.solve(np.full(55, 1.2), np.full(55, 0.4))
    apparent_kva = abs(complex(solution.slack_power_kw, solution.slack_reactive_power_kvar))
    source_kv = 11.0 * abs(solution.bus_voltage_pu[0, 0])
    primary_a = apparent_kva / np.sqrt(3) / source_kv
    first_line = ieee_network.line_names.index("LINE1")
    secondary_a = float(solution.line_current_a[first_line, 0])
    assert secondary_a == pytest.approx(primary_a * 11.0 / 0.416, rel=1e-9)
    entering_kw = float(solution.line_power_kw[first_line, 0])
    # short-circuit losses of the 800 kVA transformer with vkr = 0.4 %
    rated_a = 800.0 / np.sqrt(3) / 0.416
    copper_kw = 0.004 * 800.0 * (secondary_a / rated_a) ** 2
    assert float(solution.slack_power_kw) - entering_kw == pytest.approx(copper_kw, rel=1e-6)


def test_engines_agree_balanced(ieee_network: Network) -> None:
    rng = np.random.default_rng(7)
    power = rng.uniform(-3, 5, 55)
    reactive = rng.uniform(-1, 1, 55)
    fast: Any = PowerGridModelEngine(ieee_network, unbalanced=False).solve(power, reactive)
    reference: Any = PandapowerEngine(ieee_network, unbalanced=False).solve(power, reactive)
    for name, expected in vars(reference).items():
        # pandapower ends at a mismatch of 1e-7 kW at each of 906 buses, which adds up on the trunk
        atol = 1e-7 if name == "bus_voltage_pu" else 1e-3
        np.testing.assert_allclose(getattr(fast, name), expected, rtol=0, atol=atol)

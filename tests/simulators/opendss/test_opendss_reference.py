"""The IEEE European LV test feeder: solutions by OpenDSS itself, and both ways into it."""

import csv
from pathlib import Path

import numpy as np
import pytest

from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.pgm import PowerGridModelEngine
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.opendss.config import OpenDssConfig
from gridloom.simulators.opendss.engine import OpenDssEngine
from gridloom.simulators.opendss.simulator import OpenDss
from gridloom.simulators.opendss.writing import _Writer

CASES = ("on_peak_566", "off_peak_1", "off_peak_1440", "ev_evening")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def injections(folder: Path, case: str, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    by_load = {row["load"]: row for row in rows(folder / f"opendss_{case}_injections.csv")}
    power, reactive = (
        np.array([float(by_load[name.upper()][column]) for name in names])
        for column in ("power_kw", "reactive_power_kvar")
    )
    return power, reactive


def voltages(folder: Path, case: str) -> dict[int, list[float]]:
    found = rows(folder / f"opendss_{case}_voltages.csv")
    return {int(row["bus"]): [float(row[f"v{phase}_pu"]) for phase in "abc"] for row in found}


def line117_a(folder: Path, case: str) -> FloatArray:
    found = rows(folder / f"opendss_{case}_line117_a.csv")
    return np.array([float(row["current_a"]) for row in found])


@pytest.fixture(scope="module")
def engine(ieee_network: Network) -> OpenDssEngine:
    pytest.importorskip("dss")
    return OpenDssEngine(ieee_network, unbalanced=True)


@pytest.mark.parametrize("case", CASES)
def test_the_feeder_is_written_as_its_authors_did(
    case: str, engine: OpenDssEngine, ieee_network: Network, reference_data: Path
) -> None:
    """Against solutions of the original files by OpenDSS."""
    names = ieee_network.connection_points.names
    solution = engine.solve(*injections(reference_data, case, names))
    expected = voltages(reference_data, case)
    found = np.abs(solution.bus_voltage_pu)
    np.testing.assert_allclose(
        found, [expected[bus] for bus in ieee_network.bus_index], rtol=0, atol=1e-9
    )
    line117 = ieee_network.line_names.index("LINE117")
    np.testing.assert_allclose(
        solution.line_current_a[line117], line117_a(reference_data, case), rtol=0, atol=1e-3
    )


@pytest.fixture(scope="module")
def written_feeder(ieee_network: Network, tmp_path_factory: pytest.TempPathFactory) -> OpenDss:
    """The feeder as a circuit file."""
    pytest.importorskip("dss")
    folder = tmp_path_factory.mktemp("feeder")
    lines = [
        "Set DefaultBaseFrequency=50",
        *_Writer(ieee_network, unbalanced=True).commands(),
        "Set VoltageBases=[11 0.416]",
        "CalcVoltageBases",
    ]
    (folder / "Master.dss").write_text("\n".join(lines), encoding="utf-8")
    return _model_of(folder, "Master.dss")


def _model_of(folder: Path, file: str) -> OpenDss:
    from datetime import UTC, datetime

    start = datetime(2024, 1, 1, tzinfo=UTC)
    context = BuildContext(name="grid", start=start, duration_s=60, seed=1, folders=(folder,))
    config = OpenDssConfig.model_validate({"type": "opendss", "network": {"file": file}})
    return OpenDss(config, context)


def test_both_ways_into_opendss_lead_to_one_solution(
    written_feeder: OpenDss, ieee_network: Network
) -> None:
    """A circuit file of the same feeder, against power-grid-model: buses come in another order."""
    rng = np.random.default_rng(5)
    power, reactive = rng.uniform(-5, 7, 55), rng.uniform(-2, 2, 55)
    outputs = written_feeder.step(0, {"power_kw": power, "reactive_power_kvar": reactive})
    expected = PowerGridModelEngine(ieee_network, unbalanced=True).solve(power, reactive)
    magnitude = np.abs(expected.bus_voltage_pu)
    bus = [int(name.removeprefix("b")) for name in written_feeder.network.bus_names]
    np.testing.assert_allclose(outputs["bus_voltage_pu"], magnitude[bus], rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        outputs["line_current_a"], expected.line_current_a, rtol=0, atol=1e-3
    )
    np.testing.assert_allclose(
        outputs["transformer_loading_percent"], expected.transformer_loading_percent, atol=1e-3
    )
    for name in ("losses_kw", "slack_power_kw", "slack_reactive_power_kvar"):
        assert float(outputs[name]) == pytest.approx(float(getattr(expected, name)), abs=1e-3)
    assert written_feeder.network.connection_points.phase == ieee_network.connection_points.phase


def test_the_description_has_the_feeders_impedances(
    written_feeder: OpenDss, ieee_network: Network
) -> None:
    from gridloom.simulators.grid.static import static_variables

    expected = {each.name: each.values for each in static_variables(ieee_network, (0.9, 1.1))}
    found = {each.name: each.values for each in written_feeder.static()}
    for name in (
        "line_resistance_ohm",
        "line_reactance_ohm",
        "transformer_resistance_pu",
        "transformer_reactance_pu",
        "transformer_ratio_pu",
        "transformer_rated_power_kva",
        "source_resistance_ohm",
        "source_reactance_ohm",
        "source_voltage_pu",
    ):
        np.testing.assert_allclose(
            found[name].astype(float), expected[name].astype(float), rtol=1e-6, err_msg=name
        )


@pytest.mark.parametrize("case", CASES)
def test_the_original_files_of_the_feeder(case: str, reference_data: Path) -> None:
    """As published, read by `network: {file: Master.dss}`; bus names are the feeder's numbers."""
    master = next(reference_data.rglob("[Mm]aster.dss"), None)
    if master is None:
        pytest.skip("the feeder's OpenDSS files are not among the reference data")
    grid = _model_of(master.parent, master.name)
    power, reactive = injections(reference_data, case, grid.connection_points)
    outputs = grid.step(0, {"power_kw": power, "reactive_power_kvar": reactive})
    expected = voltages(reference_data, case)
    numbered = {name: place for place, name in enumerate(grid.network.bus_names) if name.isdigit()}
    places = list(numbered.values())
    np.testing.assert_allclose(
        outputs["bus_voltage_pu"][places],
        [expected[int(name)] for name in numbered],
        rtol=0,
        atol=1e-6,
    )

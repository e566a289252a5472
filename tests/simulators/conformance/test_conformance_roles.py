"""What a simulator must have and do to fill a role; guesses from names and units."""

from types import ModuleType

import pytest

from gridloom.simulators.conformance import CheckOptions, Outcome, check
from gridloom.simulators.conformance.signal_names import guess


@pytest.mark.parametrize(
    ("attribute", "signal", "unit"),
    [
        ("P[MW]", "power_kw", "MW"),
        ("Q[MVar]", "reactive_power_kvar", "Mvar"),
        ("P_out", "power_kw", ""),
        ("p_mw", "power_kw", "MW"),
        ("power_kw", "power_kw", "kW"),
        ("P_set[W]", "power_setpoint_kw", "W"),
        ("vm_pu", "voltage_pu", "1"),
        ("soc", "state_of_charge", ""),
        ("DNI[W/m2]", "irradiance_w_per_m2", "W/m2"),
        ("loading_percent", "line_loading_percent", "percent"),
        ("imbalance_kwh", "imbalance_kwh", "kWh"),
    ],
)
def test_names_and_units_tell_the_signal(attribute: str, signal: str, unit: str) -> None:
    found = guess(attribute)
    assert found is not None
    assert (found.signal.name, found.unit) == (signal, unit)


@pytest.mark.parametrize("attribute", ["num_hh", "P[bar]", "scale_factor", "temperature", "V[V]"])
def test_what_tells_nothing_is_left_alone(attribute: str) -> None:
    assert guess(attribute) is None


def test_a_pv_plant(specimens: ModuleType) -> None:
    report = check(specimens.Pv, CheckOptions(steps=3, role="pv"))
    assert report["role.has"].outcome is Outcome.PASSED
    assert report["role.values"].outcome is Outcome.PASSED
    assert "generation" in report["role.values"].reason
    assert "positive: generation" in report.snippet


def test_a_pv_plant_that_shines_in_the_dark(specimens: ModuleType) -> None:
    report = check(specimens.MoonPv, CheckOptions(steps=3, role="pv"))
    assert [f.check for f in report.findings if f.outcome is Outcome.FAILED] == ["role.values"]
    assert "0.001" in report["role.values"].reason


def test_a_boiler_is_no_ev_fleet(specimens: ModuleType) -> None:
    report = check(specimens.Boiler, CheckOptions(steps=3, role="grid"))
    assert [f.check for f in report.findings if f.outcome is Outcome.FAILED] == ["role.has"]
    assert "voltage_pu" in report["role.has"].reason

"""What a simulator must have and do to fill a role; guesses from names and units."""

from types import ModuleType

import pytest

from gridloom.simulators.conformance import CheckOptions, Outcome, check
from gridloom.simulators.conformance.options import Role
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


def test_a_fleet_on_lists_is_given_lists_and_named_as_a_vector(specimens: ModuleType) -> None:
    from ruamel.yaml import YAML

    from gridloom.simulators.external.config import ExternalConfig

    report = check(specimens.Fleet, CheckOptions(steps=3, role="ev_fleet"))
    assert report["input.effect"].reason.startswith("P_set[kW] of")
    assert report["role.has"].outcome is Outcome.WARNING
    assert "plugged_in" in report["role.has"].reason
    assert report["role.values"].outcome is Outcome.PASSED
    (config,) = YAML(typ="safe").load(report.snippet)["simulators"].values()
    read = ExternalConfig.model_validate(config)
    assert read.vector
    assert read.at == "all"
    assert set(read.sends) == {"power_kw", "state_of_charge", "voltage_pu"}


def test_a_state_of_charge_in_percent_is_noticed(specimens: ModuleType) -> None:
    report = check(specimens.OverchargedFleet, CheckOptions(steps=3, role="ev_fleet"))
    assert [f.check for f in report.findings if f.outcome is Outcome.FAILED] == ["role.values"]
    assert "state_of_charge is 50" in report["role.values"].reason


def test_the_voltages_of_a_grid(specimens: ModuleType) -> None:
    report = check(specimens.Fleet, CheckOptions(steps=3, role="grid"))
    assert "voltage_pu lies between 0.98 and 0.98" in report["role.values"].reason
    assert "receives no power_kw" in report["role.has"].reason


@pytest.mark.parametrize("role", ["market", "controller"])
def test_values_that_depend_on_the_scenario_are_not_judged(
    specimens: ModuleType, role: Role
) -> None:
    report = check(specimens.Fleet, CheckOptions(steps=3, role=role))
    assert report["role.values"].outcome is Outcome.NOT_APPLICABLE

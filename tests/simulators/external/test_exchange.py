"""Units of foreign models: what is converted by which factor, and what is no unit of a signal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.controllers import telemetry
from gridloom.controllers.negotiation import signals as negotiation_signals
from gridloom.controllers.transactive import signals as transactive_signals
from gridloom.simulators.exchange.exchange import KNOWN_SIGNALS, ExchangeConfig, exchanged
from gridloom.simulators.exchange.units import conversion, parse_unit, unit_in_name
from gridloom.simulators.signals import Signal

UNITS = {signal.unit for signal in KNOWN_SIGNALS.values()} | {
    each.unit
    for module in (telemetry, negotiation_signals, transactive_signals)
    for each in vars(module).values()
    if isinstance(each, Signal)
}
"""Of every signal that simulators, controllers, agents and coordinators send."""

# From the definitions of the units (SI Brochure; UCTE practice for var): 1 of the first is so many
# of the second.
FACTORS = [
    ("W", "kW", 1e-3),
    ("MW", "kW", 1e3),
    ("GW", "kW", 1e6),
    ("mW", "W", 1e-3),
    ("var", "kvar", 1e-3),
    ("Mvar", "kvar", 1e3),
    ("MVAr", "kvar", 1e3),
    ("kVA", "MVA", 1e-3),
    ("V", "kV", 1e-3),
    ("kA", "A", 1e3),
    ("Wh", "kWh", 1e-3),
    ("MWh", "kWh", 1e3),
    ("J", "kWh", 1 / 3.6e6),
    ("MJ", "kWh", 1 / 3.6),
    ("%", "1", 0.01),
    ("pu", "percent", 100),
    ("min", "s", 60),
    ("h", "s", 3600),
    ("d", "h", 24),
    ("kHz", "Hz", 1e3),
    ("W/m2", "W m-2", 1),
    ("kW/m^2", "W m-2", 1e3),
    ("km", "m", 1e3),
    ("km/h", "m s-1", 1 / 3.6),
    ("m/s", "m s-1", 1),
    ("EUR/kWh", "EUR/MWh", 1e3),
    ("ct/kWh", "EUR/MWh", 10),
    ("EUR MWh-1", "EUR/MWh", 1),
    ("EUR/MW2", "EUR/kW2", 1e-6),
    ("EUR/MW^2", "EUR kW-2", 1e-6),
    ("ct", "EUR", 0.01),
    ("kW/min", "MW/h", 0.06),
]


@pytest.mark.parametrize(("theirs", "ours", "factor"), FACTORS)
def test_units_of_one_quantity_differ_by_a_factor(theirs: str, ours: str, factor: float) -> None:
    there, back = conversion(theirs, ours), conversion(ours, theirs)
    assert there.scale == pytest.approx(factor, rel=1e-15)
    assert back.scale == pytest.approx(1 / factor, rel=1e-15)
    assert there.offset == back.offset == 0


def test_temperatures_differ_by_an_offset() -> None:
    there, back = conversion("degC", "K"), conversion("K", "°C")
    assert (there.scale, there.offset) == (1, 273.15)
    assert (back.scale, back.offset) == (1, -273.15)


@pytest.mark.parametrize(
    ("theirs", "ours", "message"),
    [
        ("W", "kvar", "'W' is a unit of active power, 'kvar' one of reactive power"),
        ("kWh", "kW", "'kWh' is a unit of energy, 'kW' one of active power"),
        ("hp", "kW", "the unit 'hp' is not known"),
        ("kw", "kW", "the unit 'kw' is not known"),
        ("EUR", "kW", "'EUR' is a unit of money, 'kW' one of active power"),
        (
            "EUR/MW",
            "EUR/MWh",
            "'EUR/MW' is a unit of money per active power, 'EUR/MWh' one of money per energy",
        ),
        ("W/m2", "W", "'W/m2' is a unit of irradiance, 'W' one of active power"),
        ("USD/MWh", "EUR/MWh", "the unit 'USD/MWh' is not known"),
        ("EUR/", "EUR", "the unit 'EUR/' is not known"),
        ("2", "1", "the unit '2' is not known"),
        ("W", "USD", "'W' cannot be converted to 'USD'"),
    ],
)
def test_other_units_are_refused(theirs: str, ours: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        conversion(theirs, ours)
    assert str(caught.value) == message


def test_an_unknown_unit_needs_no_conversion_to_itself() -> None:
    assert conversion("USD MWh-1", "USD MWh-1").scale == 1


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_every_signals_unit_is_known(unit: str) -> None:
    assert parse_unit(unit) is not None


@pytest.mark.parametrize(
    ("name", "unit"), [("P[MW]", "MW"), ("DNI[W/m2] ", "W/m2"), ("P", ""), ("P[1].x", "")]
)
def test_a_name_may_carry_its_unit(name: str, unit: str) -> None:
    assert unit_in_name(name) == unit


@given(
    value=st.floats(-1e9, 1e9),
    unit=st.sampled_from(["W", "kW", "MW", "GW"]),
    positive=st.sampled_from(["load", "generation", None]),
)
def test_what_goes_out_comes_back(value: float, unit: str, positive: str | None) -> None:
    config = ExchangeConfig.model_validate(
        {"sends": {"power_kw": {"name": "P", "unit": unit, "positive": positive}}}
    )
    (each,) = exchanged(config, "sends")
    back = each.inward(each.outward(np.array([value])))
    assert back[0] == pytest.approx(value, rel=1e-15, abs=1e-300)
    # Sign: gridloom counts loads positive; generation of one watt is a negative load.
    assert np.sign(each.outward(np.array(1.0))) == (-1 if positive == "generation" else 1)

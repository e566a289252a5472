"""The comparison in words: right for one, several and no troubled runs."""

from typing import Any

import pytest

from gridloom.scenarios.results.comparison import CertifiedBounds

QUIET = {"current": 0.8, "charge": 0.06}
"""No line above its rating, every departing vehicle above its requirement."""


def test_gap_closed_is_told_best_first(scheme: Any, compare: Any) -> None:
    """J: 0.12 EUR with basic, 0.06 and 0.09 with the others; the bound is 0.04."""
    bounds = CertifiedBounds(
        energy_adjusted_cost_eur=0.0, energy_adjusted_cost_no_speculation_eur=0.04
    )
    found = compare(
        scheme("basic"),
        scheme("some", "amas", imbalance=0.75),
        scheme("more", "milp", imbalance=0.5),
        bounds=bounds,
    )
    honest, speculating = found.sentences[:2]
    assert honest == (
        "more closes 75 % and some closes 38 % of the gap between basic and the best possible "
        "without speculation (energy-adjusted cost 0.12 against 0.04 EUR)."
    )
    assert speculating == (
        "more closes 50 % and some closes 25 % of the gap between basic and the best possible "
        "with speculation on known prices (energy-adjusted cost 0.12 against 0 EUR)."
    )


def test_who_closes_none_of_the_gap_is_said_to(scheme: Any, compare: Any) -> None:
    bounds = CertifiedBounds(energy_adjusted_cost_eur=0.0)
    better, worse = scheme("better", imbalance=0.5), scheme("worse", imbalance=1.5)
    told = compare(scheme("basic"), worse, better, bounds=bounds).sentences[0]
    assert told.startswith("better closes 50 % of the gap between basic and")
    assert told.endswith("; worse costs no less than basic.")
    none = compare(scheme("basic"), worse, bounds=bounds).sentences[0]
    assert none.startswith("No scheme closes any of the gap between basic and")
    assert none.endswith("0 EUR).")


def test_savings_are_told_where_no_bound_is_known(scheme: Any, compare: Any) -> None:
    found = compare(scheme("basic"), scheme("less", imbalance=0.5), scheme("more", imbalance=1.5))
    assert found.sentences[0] == (
        "Imbalances, and the energy missing in the vehicles, cost 0.12 EUR with basic, "
        "0.06 EUR with less (50 % less) and 0.18 EUR with more (50 % more)."
    )


def test_who_overloads_and_who_does_not(scheme: Any, compare: Any) -> None:
    found = compare(scheme("basic"), scheme("a", **QUIET), scheme("b", **QUIET))
    assert "basic overloads lines for 90 s; a and b never overload a line." in found.sentences
    alone = compare(scheme("basic"), scheme("a", **QUIET))
    three = compare(scheme("basic"), scheme("c", current=0.9), scheme("a", **QUIET))
    # 0.9 times 70 A is within the 65 A, 0.9 times 80 A is not
    assert "basic overloads lines for 90 s, c for 1 s; a never overloads a line." in three.sentences
    assert "basic overloads lines for 90 s; a never overloads a line." in alone.sentences


def test_nobody_is_in_trouble(scheme: Any, compare: Any) -> None:
    found = compare(scheme("a", **QUIET), scheme("b", **QUIET))
    assert "No line is ever overloaded, in any run." in found.sentences
    assert "Every departing vehicle has what it requires, in all runs." in found.sentences


def test_vehicles_below_their_requirement(scheme: Any, compare: Any) -> None:
    """H2 leaves with 0.65, H1 with 0.72 of the required 0.7: with 0.06 more both have enough."""
    found = compare(scheme("basic"), scheme("fuller", **QUIET))
    assert (
        "Departing vehicles below their requirement: basic 1 of 2; fuller none." in found.sentences
    )


def test_vehicles_are_not_spoken_of_where_none_departs(scheme: Any, compare: Any) -> None:
    records = [scheme(name, name, "ev", "charging") for name in ("a", "b")]
    for record in records:
        record["ev"]["session_departure_s"] = record["ev"]["session_departure_s"] * 0 + 7200.0
    assert compare(*records).sentences == ()


def test_voltages_are_spoken_of_only_if_outside_limits(scheme: Any, compare: Any) -> None:
    low = "Connection points outside the voltage limits: basic 1; calm none."
    calm = scheme("calm")
    calm["grid"]["bus_voltage_pu"] = calm["grid"]["bus_voltage_pu"] * 0.0 + 1.0
    assert low in compare(scheme("basic"), calm).sentences
    other = scheme("calmer")
    other["grid"]["bus_voltage_pu"] = other["grid"]["bus_voltage_pu"] * 0.0 + 1.0
    assert not [s for s in compare(calm, other).sentences if "voltage" in s]


@pytest.mark.parametrize("parts", [("load", "charging"), ("grid", "charging"), ("ev", "charging")])
def test_nothing_is_said_of_what_is_not_there(
    scheme: Any, compare: Any, parts: tuple[str, ...]
) -> None:
    told = " ".join(compare(scheme("a", "x", *parts), scheme("b", "x", *parts)).sentences)
    assert "cost" not in told
    assert ("overload" in told) == ("grid" in parts)
    assert ("vehicle" in told) == ("ev" in parts)
    assert "nan" not in told

"""How numbers of a row are written: alike, so that they can be compared at a glance."""

from math import nan

import pytest

from gridloom.scenarios.results.comparison.measures import Measure, aligned


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.6842, -0.0217], ["0.684", "-0.022"]),
        ([621.4, 0.0], ["621", "0"]),
        ([3.0, 12.0, nan], ["3", "12", "-"]),
        ([1.0, 2.5], ["1.00", "2.50"]),
        ([4752000.0, 3300.0], ["4752000", "3300"]),
        ([1e-12, 0.5], ["0.000", "0.500"]),
        ([-1e-12, 0.5], ["0.000", "0.500"]),
        ([1e-9], ["0.000000"]),
        ([nan], ["-"]),
    ],
)
def test_numbers_of_a_row_have_the_same_decimals(values: list[float], texts: list[str]) -> None:
    assert aligned(values) == texts


def test_computing_times_have_as_many_digits_each() -> None:
    """Milliseconds of a rule and of an optimisation: neither is rounded away."""
    measure = Measure(name="decision_wall_time_ms", label="", unit="ms", values=(0.0292, 2400.0))
    assert measure.texts() == ["0.0292", "2400"]


def test_voltages_keep_four_decimals() -> None:
    measure = Measure(name="voltage_max_pu", label="", unit="1", values=(1.0, 1.06794, nan))
    assert measure.texts() == ["1.0000", "1.0679", "-"]
    assert measure.printed_unit == ""

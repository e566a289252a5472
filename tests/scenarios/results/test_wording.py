"""How numbers and durations are written."""
# ruff: noqa: RUF001 -- the report writes minus signs and dashes

import pytest

from gridloom.scenarios.results.wording import counted, number, span


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (134.26, 3, "134"),
        (0.6842, 3, "0.684"),
        (12345.6, 3, "12346"),
        (65.0, 3, "65"),
        (-0.07134, 3, "−0.0713"),
        (9.9996, 3, "10"),
        (1.02642, 4, "1.026"),
        (0.0, 3, "0"),
        (-0.0, 3, "0"),
        (6.5e-16, 3, "0"),
        (float("nan"), 3, "–"),
        (float("inf"), 3, "–"),
    ],
)
def test_numbers_have_significant_digits(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (119, "119 s"),
        (120, "2 min"),
        (672, "11.2 min"),
        (7199, "120 min"),
        (9000, "2.5 h"),
        (86400 * 7, "168 h"),
    ],
)
def test_durations_are_in_the_unit_that_reads_best(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_counts_agree_with_their_noun() -> None:
    assert [counted(n, "step") for n in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]

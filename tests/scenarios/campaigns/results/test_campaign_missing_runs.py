"""Where runs are missing, means compare like with like and keep what can be kept."""
# ruff: noqa: RUF001 -- the page writes minus signs and dashes

import re
from base64 import b64decode
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gridloom.scenarios.campaigns.outcome import Fault
from gridloom.scenarios.campaigns.point import Axis
from gridloom.scenarios.campaigns.results import write_campaign_report
from gridloom.scenarios.campaigns.results.like_with_like import in_common, of_whole_cases
from gridloom.scenarios.results.kpis.kpi import Kpi

CELLS, CASES, SEEDS = (each.ravel() for each in np.indices((2, 4, 3)))
"""Two cells, four cases, three seeds."""


def _values(*missing: tuple[int, int, int]) -> Any:
    table = np.arange(24, dtype=np.float64).reshape(2, 4, 3)
    for place in missing:
        table[place] = np.nan
    return table.ravel()


def test_nothing_is_left_out_where_nothing_is_missing() -> None:
    counting = in_common(_values(), CELLS, CASES, SEEDS)
    assert counting.rows.tolist() == list(range(24))
    assert (counting.cases, counting.asked, counting.is_part) == (4, 4, False)


def test_a_case_goes_rather_than_all_seeds() -> None:
    """Each seed lacks a case, but only two cases lack anything: they go."""
    values = _values((0, 1, 0), (1, 1, 1), (0, 3, 2), (1, 3, 0))
    counting = in_common(values, CELLS, CASES, SEEDS)
    assert set(CASES[counting.rows]) == {0, 2}
    assert set(SEEDS[counting.rows]) == {0, 1, 2}
    assert (counting.cases, counting.asked) == (2, 4)


def test_a_seed_goes_that_lacks_most() -> None:
    """Three of four cases lack seed 1, none lacks another."""
    values = _values((0, 0, 1), (1, 1, 1), (1, 3, 1))
    counting = in_common(values, CELLS, CASES, SEEDS)
    assert set(SEEDS[counting.rows]) == {0, 2}
    assert not counting.is_part


def test_a_cell_without_any_value_is_not_asked_for_one() -> None:
    values = _values(*product([1], range(4), range(3)))
    assert in_common(values, CELLS, CASES, SEEDS).rows.tolist() == list(range(12))


def test_cases_stay_where_every_cell_has_a_seed_with_all_of_them() -> None:
    """Cell 0 has seeds 1 and 2 whole, cell 1 has all: a figure shows both, over all cases."""
    counting = of_whole_cases(_values((0, 1, 0)), CELLS, CASES, SEEDS)
    assert len(counting.rows) == 24
    assert not counting.is_part


def test_cases_go_where_a_cell_would_be_left_without_a_seed() -> None:
    values = _values((0, 1, 0), (0, 1, 1), (0, 1, 2))
    counting = of_whole_cases(values, CELLS, CASES, SEEDS)
    assert set(CASES[counting.rows]) == {0, 2, 3}
    assert (counting.cases, counting.asked) == (3, 4)


def test_a_single_case_stays_whatever_is_missing() -> None:
    """Each seed is missing in one cell or the other: both are shown, each with the other seed."""
    values = np.array([1.0, np.nan, np.nan, 4.0])
    nothing = np.zeros(4, dtype=int)
    counting = of_whole_cases(values, np.repeat([0, 1], 2), nothing, np.tile([0, 1], 2))
    assert len(counting.rows) == 4


@given(known=arrays(np.bool_, (3, 5, 4)), planned=arrays(np.bool_, (3, 5, 4), fill=st.just(True)))
def test_what_counts_is_known_and_the_same_for_all(known: Any, planned: Any) -> None:
    """Of every cell with a value the same cases with the same seeds, wherever such were planned."""
    cells, cases, seeds = (each[planned] for each in np.indices(known.shape))
    values = np.where(known, 1.0, np.nan)[planned]
    rows = in_common(values, cells, cases, seeds).rows
    assert np.isfinite(values[rows]).all()
    asked = set(cells[np.isfinite(values)])
    pairs = {
        cell: set(zip(cases[cells == cell], seeds[cells == cell], strict=True)) for cell in asked
    }
    if asked and set.intersection(*pairs.values()):
        counted = [
            set(
                zip(cases[rows][cells[rows] == cell], seeds[rows][cells[rows] == cell], strict=True)
            )
            for cell in asked
        ]
        assert all(each == counted[0] for each in counted)


def test_a_few_failed_runs_do_not_take_a_comparison_away(write_campaign: Any) -> None:
    """b costs 7 less than a; one run of b failed with each seed, each at another power."""
    scheme = Axis(name="scheme", keys=("variant",), labels=("a", "b"))
    power = Axis(name="power", keys=(), labels=tuple(range(1, 11)), unit="kW")
    seed = Axis(name="seed", keys=("seed",), labels=(1, 2, 3), is_seed=True)

    def kpis_of(parameters: Any) -> list[Kpi] | Fault:
        number, is_b = int(parameters["power"]), parameters["scheme"] == "b"
        if is_b and number == 2 * int(parameters["seed"]):
            return Fault.CRASHED
        value = 10.0 * number - 7.0 * is_b
        return [
            Kpi(
                name="cost_eur", value=value, unit="EUR", group="Costs", label="cost", headline=True
            )
        ]

    folder = write_campaign((scheme, power, seed), kpis_of=kpis_of)
    text = write_campaign_report(folder).read_text(encoding="utf-8")
    assert "−7 ± 0" in text
    assert "3, 7 of 10 cases" in text
    assert "over 7 of the 10 cases of power and the seeds that every scheme has" in text
    # (1 + 3 + 5 + 7 + 8 + 9 + 10) / 7 x 10 = 61.43
    assert "Cost: on average 54.4 EUR with b, 61.4 EUR with a" in text


def _equal_schemes(parameters: Any) -> list[Kpi] | Fault:
    """Both schemes cost power x seed; a has lost its dear runs at 3.7 kW."""
    power, seed = float(parameters["power"]), int(parameters["seed"])
    if parameters["scheme"] == "basic" and power < 4 and seed > 1:
        return Fault.MEMORY
    return [
        _headline("imbalance_cost_eur", power * seed, "EUR"),
        _headline("line_overload_duration_s", power + seed, "s"),
    ]


def _headline(name: str, value: float, unit: str) -> Kpi:
    return Kpi(name=name, value=value, unit=unit, group="Market", label=name, headline=True)


def test_schemes_that_do_the_same_differ_by_the_same_from_the_first(write_campaign: Any) -> None:
    """a and b cost 1 EUR/kW less than the first, and lack a run at another power each.

    Left is 11 kW: 11 less. In the heading, first: 11 x 2 = 22 EUR.
    """
    scheme = Axis(name="scheme", keys=("variant",), labels=("first", "a", "b"))
    power = Axis(name="power", keys=(), labels=(3.7, 11.0, 22.0), unit="kW")
    seed = Axis(name="seed", keys=("seed",), labels=(1, 2, 3), is_seed=True)
    missing = {("a", 3.7), ("b", 22.0)}

    def kpis_of(parameters: Any) -> list[Kpi] | Fault:
        name, kilowatts = str(parameters["scheme"]), float(parameters["power"])
        if (name, kilowatts) in missing:
            return Fault.CRASHED
        price = int(parameters["seed"]) - (name != "first")
        return [_headline("imbalance_cost_eur", price * kilowatts, "EUR")]

    folder = write_campaign((scheme, power, seed), kpis_of=kpis_of)
    page = write_campaign_report(folder).read_text("utf-8")
    assert "on average 11 EUR with a and b, 22 EUR with first" in page
    row = re.findall(r">([^<>]+)<", page[page.index("b less first") :])
    cells = [cell for cell in row if cell.strip()][:4]
    assert cells == ["imbalance_cost_eur (EUR)", "3, 1 of 3 cases", "−11 ± 0", "−11 ± 0"]


def test_the_front_prefers_nothing_for_its_missing_runs(write_campaign: Any) -> None:
    """Of seed 1 alone, basic at 3.7 kW would be the cheapest of all; amas would never win there."""
    page = write_campaign_report(write_campaign(kpis_of=_equal_schemes)).read_text("utf-8")
    front = page[page.index('id="trade-off"') : page.index('id="outstanding"')]
    assert "1 combination is beaten by no other" in front
    assert ">amas</td>" in front
    assert ">basic</td>" not in front
    assert "1 of 4 combinations left out" in front
    assert "In how many of 1 setting of all else" in front
    assert "basic in 1 (in 1 level with another); amas in 1 (in 1 level with another)." in front
    assert "1 of 2 settings left out" in front


def test_marks_over_fewer_seeds_are_hollow(write_campaign: Any) -> None:
    """One of four: basic at 3.7 kW has one seed, the others have three."""
    note = "Hollow marks: over fewer seeds than others."
    page = write_campaign_report(write_campaign(kpis_of=_equal_schemes)).read_text("utf-8")
    assert page.count(note) == 2
    whole = write_campaign_report(write_campaign(name="whole")).read_text("utf-8")
    assert note not in whole
    assert (_hollow_marks(page), _hollow_marks(whole)) == (1, 0)


def _hollow_marks(page: str) -> int:
    """Return how many marks of the first figure are filled with white."""
    (uri, *_) = re.findall(r'src="data:image/svg\+xml;base64,(.*?)"', page)
    svg = b64decode(uri).decode()
    return len(re.findall(r'<use [^>]*style="fill: #ffffff; stroke: #', svg))


@pytest.mark.parametrize("size", [2000])
def test_many_cases_with_failures_here_and_there_are_soon_told(size: int) -> None:
    """Every second case lacks a run: the block is found case by case, not by trying them all."""
    cells, cases, seeds = (each.ravel() for each in np.indices((2, size, 5)))
    values = np.ones(len(cells))
    values[(cells == 1) & (cases % 2 == 1) & (seeds == cases % 5)] = np.nan
    counting = in_common(values, cells, cases, seeds)
    assert (counting.cases, counting.asked) == (size // 2, size)

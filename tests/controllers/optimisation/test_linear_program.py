"""The persistent linear program against programs solved by hand and by Pyomo's own interface."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.controllers.optimisation.linear_program import LinearProgram, reference
from gridloom.controllers.optimisation.writing import (
    Numbers,
    Rows,
    at_least,
    at_most,
    equal_to,
    free,
    program,
)


def two_plants(rows: Rows) -> None:
    """A cheap and a dear plant cover a demand; `gap` keeps the dear one near the cheap one."""
    block = rows.block
    rows.write("demand", lambda t: block.cheap[t] + block.dear[t])
    rows.write("gap", lambda t: block.cheap[t] - block.dear[t])


def numbers_of(demand: float, limit: float = 5.0, gap: float = np.inf) -> Numbers:
    return Numbers(
        variables={"cheap": (np.zeros(1), np.full(1, limit)), "dear": at_least(np.zeros(1))},
        rows={"demand": equal_to(np.full(1, demand)), "gap": at_most(np.full(1, gap))},
        costs={"cheap": np.full(1, 2.0), "dear": np.full(1, 3.0)},
        offset=1.0,
    )


def test_the_cheap_plant_runs_first() -> None:
    plants = LinearProgram(two_plants, numbers_of(7.0))
    optimum = plants.minimise()
    assert optimum.status == "optimal"
    assert optimum["cheap"].tolist() == [5.0]
    assert optimum["dear"].tolist() == [2.0]
    assert optimum.objective == 5.0 * 2.0 + 2.0 * 3.0 + 1.0


def test_bounds_that_appear_and_vanish_are_kept() -> None:
    """A constraint without any bound when the program is compiled has one later."""
    plants = LinearProgram(two_plants, numbers_of(7.0))
    for gap, cheap in ((np.inf, 5.0), (1.0, 4.0), (-1.0, 3.0), (np.inf, 5.0)):
        plants.load(numbers_of(7.0, gap=gap))
        assert plants.minimise()["cheap"] == pytest.approx([cheap])


def test_costs_of_one_solve_do_not_last() -> None:
    plants = LinearProgram(two_plants, numbers_of(4.0))
    assert plants.minimise({"cheap": np.full(1, 9.0)})["dear"].tolist() == [4.0]
    assert plants.minimise()["cheap"].tolist() == [4.0]


def test_without_a_solution_it_says_why_and_goes_on() -> None:
    plants = LinearProgram(two_plants, numbers_of(4.0))
    plants.load(numbers_of(-1.0))
    assert not (failed := plants.minimise()).is_optimal
    assert failed.status == "infeasible"
    assert np.isnan(failed.objective)
    unbounded = plants.minimise({"dear": np.full(1, -1.0)})
    assert not unbounded.is_optimal
    plants.load(numbers_of(4.0))
    assert plants.minimise().objective == 9.0
    with pytest.raises(RuntimeError):
        reference(two_plants, numbers_of(-1.0))


def test_an_index_without_bounds_is_left_out_of_the_pyomo_model() -> None:
    numbers = replace(numbers_of(4.0), rows={"demand": equal_to(np.full(1, 4.0)), "gap": free(1)})
    model = program(two_plants, numbers)
    assert len(model.gap) == 0
    assert len(model.demand) == 1


def random_rows(rows: Rows) -> None:
    """Four constraints on six variables, the coefficients drawn once and for all."""
    block = rows.block
    factor = np.random.default_rng(1).normal(size=(4, 6)).tolist()
    rows.write("mixed", lambda r: sum(factor[r][c] * block.x[c] for c in range(6)))


@given(seeds=st.lists(st.integers(0, 10_000), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_any_sequence_of_solves_gives_what_fresh_solves_give(seeds: list[int]) -> None:
    kept: LinearProgram | None = None
    for seed in seeds:
        rng = np.random.default_rng(seed)
        low = -rng.uniform(0, 5, 6)
        numbers = Numbers(
            variables={"x": (low, low + rng.uniform(0, 9, 6))},
            rows={
                "mixed": (np.full(4, -np.inf), rng.uniform(0, 5, 4) + 20.0 * (rng.random(4) < 0.5))
            },
            costs={"x": rng.normal(size=6)},
        )
        if kept is None:
            kept = LinearProgram(random_rows, numbers)
        kept.load(numbers)
        optimum = kept.minimise()
        try:
            objective, values = reference(random_rows, numbers)
        except RuntimeError:
            assert not optimum.is_optimal
            continue
        assert optimum.objective == pytest.approx(objective, rel=1e-9, abs=1e-9)
        assert optimum["x"] == pytest.approx(values["x"], abs=1e-6)
        assert numbers.value({"x": optimum["x"]}) == pytest.approx(optimum.objective, abs=1e-9)

"""Jobs of deferrable loads at their deadlines, worked out by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gridloom.scenarios.results import recording
from gridloom.simulators.signals import POWER

APPLIANCES = ("appliance", ["A1", "A2"])


def _device(rows: Any, power_kw: Any, jobs: Sequence[tuple[float, ...]]) -> Any:
    """Steps of 15 min; jobs as (appliance, release, deadline, energy)."""
    columns = np.array(jobs, dtype=float).reshape(-1, 4).T
    names = ("appliance", "release_s", "deadline_s", "energy_kwh")
    static = {
        f"job_{name}": (("job",), values) for name, values in zip(names, columns, strict=True)
    }
    return rows(
        signals={POWER: np.asarray(power_kw, dtype=float)},
        kinds={POWER: APPLIANCES},
        static=static,
        step_s=900,
    )


# By hand: A1 draws 0.5 kWh in each of the first two steps and 0.25 in the last, A2 1 in the third.
POWERS_KW = [[2, 0], [2, 0], [0, 4], [1, 0]]


def test_what_is_missing_at_the_deadlines(evaluate: Any, rows: Any) -> None:
    jobs = [
        (0, 0, 1800, 1.0),  # done
        (0, 1800, 3600, 1.0),  # 0.25 of 1 kWh
        (1, 0, 3600, 1.0),  # done
    ]
    kpis = evaluate(washing=_device(rows, POWERS_KW, jobs))
    assert kpis["jobs_due", ""] == 3
    assert kpis["jobs_unfinished", ""] == 1
    assert kpis["jobs_unfinished_kwh", ""] == pytest.approx(0.75)


def test_energy_counts_in_the_whole_steps_of_a_job(evaluate: Any, rows: Any) -> None:
    # Between 1 s and 2699 s lies one whole step, the second: 0.5 kWh. Nothing in 100 s.
    jobs = [(0, 1, 2699, 0.5), (1, 1800, 1900, 0.4)]
    kpis = evaluate(washing=_device(rows, POWERS_KW, jobs))
    assert kpis["jobs_unfinished", ""] == 1
    assert kpis["jobs_unfinished_kwh", ""] == pytest.approx(0.4)


def test_jobs_that_go_on_after_the_run_are_not_judged(evaluate: Any, rows: Any) -> None:
    jobs = [(0, -3600, 1800, 1.0), (1, 0, 3601, 9.0)]
    kpis = evaluate(washing=_device(rows, POWERS_KW, jobs))
    assert kpis["jobs_due", ""] == 1
    assert kpis["jobs_unfinished", ""] == 0


@pytest.mark.parametrize(("missing_kwh", "unfinished"), [(0.0009, 0), (0.0011, 1)])
def test_what_rounding_leaves_is_not_missing(
    evaluate: Any, rows: Any, missing_kwh: float, unfinished: int
) -> None:
    kpis = evaluate(washing=_device(rows, POWERS_KW, [(1, 0, 3600, 1.0 + missing_kwh)]))
    assert kpis["jobs_unfinished", ""] == unfinished


def test_without_jobs_there_is_nothing_to_judge(evaluate: Any, rows: Any) -> None:
    load = rows(signals={POWER: np.ones((2, 2))}, kinds={POWER: APPLIANCES})
    assert not any(name.startswith("jobs") for name, _ in evaluate(load=load))


def test_nobody_may_have_had_anything_to_do(evaluate: Any, rows: Any) -> None:
    idle = evaluate(washing=_device(rows, POWERS_KW, []))
    assert (idle["jobs_due", ""], idle["jobs_unfinished_kwh", ""]) == (0, 0)


def test_several_populations_are_told_apart(evaluate: Any, rows: Any) -> None:
    done = _device(rows, POWERS_KW, [(0, 0, 1800, 1.0)])
    undone = _device(rows, POWERS_KW, [(0, 0, 1800, 3.0)])
    kpis = evaluate(boilers=done, washing=undone)
    assert kpis["jobs_unfinished", "boilers"] == 0
    assert kpis["jobs_unfinished_kwh", "washing"] == pytest.approx(2.0)


@pytest.mark.parametrize("values_at_once", [2, 4, 6])
def test_long_records_are_read_in_blocks(
    evaluate: Any, rows: Any, monkeypatch: pytest.MonkeyPatch, values_at_once: int
) -> None:
    monkeypatch.setattr(recording, "_BLOCK_VALUES", values_at_once)
    jobs = [(0, 0, 1800, 1.0), (0, 1800, 3600, 1.0), (1, 0, 2700, 1.5)]
    kpis = evaluate(washing=_device(rows, POWERS_KW, jobs))
    assert kpis["jobs_unfinished_kwh", ""] == pytest.approx(0.75 + 0.5)

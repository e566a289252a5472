"""What is expected shortly before delivery: no look-ahead, errors as stated, told in time."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.load import Load, LoadConfig
from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.autoregression import correlated

POINTS = ("h1", "h2")
HOUSEHOLDS = {"generator": "household"}
KNOWN = {"method": "known"}


def context_of(folder: Path | None = None, **changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "load",
        "start": datetime(2021, 6, 21, 16, tzinfo=UTC),
        "duration_s": 600,
        "seed": 1,
        "connection_points": POINTS,
        "folders": () if folder is None else (folder,),
    }
    return BuildContext(**{**defaults, **changes})


def load_of(context: BuildContext | None = None, **keys: Any) -> Load:
    config = {"type": "load", "profile": HOUSEHOLDS, **keys}
    return Load(LoadConfig.model_validate(config), context or context_of())


def run(load: Load, until_s: int) -> tuple[FloatArray, FloatArray]:
    """Return what was drawn in each step, and what was expected of each before it began."""
    told = [load.initial_outputs()["expected_power_kw"]]
    drawn = []
    for time in range(0, until_s, load.step_size):
        outputs = load.step(time, {})
        drawn.append(outputs["power_kw"])
        told.append(outputs["expected_power_kw"])
    return np.stack(drawn), np.stack(told[:-1])


def test_persistence_expects_what_was_drawn_in_the_last_interval() -> None:
    drawn, expected = run(load_of(short_term={"interval": "1min"}, scale=2), 600)
    by_minute = drawn.reshape(10, 60, 2).mean(axis=1)
    np.testing.assert_allclose(expected[60:], np.repeat(by_minute[:-1], 60, axis=0))


def test_persistence_of_single_steps_is_the_step_before() -> None:
    drawn, expected = run(load_of(step_size="1min"), 600)
    np.testing.assert_array_equal(expected[1:], drawn[:-1])


def test_persistence_of_hours_in_hours() -> None:
    day = context_of(duration_s=86400)
    drawn, expected = run(load_of(day, step_size="1h"), 86400)
    np.testing.assert_array_equal(expected[1:], drawn[:-1])


def test_persistence_over_several_hours_of_playback() -> None:
    """Intervals that are longer than what is played back at once, and that straddle it."""
    day = context_of(duration_s=86400)
    drawn, expected = run(load_of(day, step_size="15min", short_term={"interval": "150min"}), 86400)
    means = drawn[:90].reshape(9, 10, 2).mean(axis=1)
    np.testing.assert_allclose(expected[10:], np.repeat(means, 10, axis=0)[: len(expected) - 10])


def test_persistence_does_not_look_ahead(tmp_path: Path) -> None:
    """Changing what comes after an instant changes nothing that was told up to it."""

    def told(later_kw: float) -> FloatArray:
        rows = [f"{t},{t / 100 if t < 300 else later_kw},1" for t in range(0, 600, 60)]
        (tmp_path / "houses.csv").write_text("\n".join(["time_s,h1,h2", *rows]))
        forecast = {"resolution": "5min"}  # the day-ahead forecast of the beginning: before 300 s
        load = load_of(
            context_of(tmp_path),
            profile={"file": "houses.csv"},
            short_term={"interval": "2min"},
            forecast=forecast,
        )
        return run(load, 600)[1]

    one, other = told(1), told(50)
    np.testing.assert_array_equal(one[:360], other[:360])  # 300 s is within [240 s, 360 s)
    assert (one[360:, 0] != other[360:, 0]).all()


def test_the_beginning_is_as_forecast_day_ahead() -> None:
    forecast = {"resolution": "5min", "relative_bias": 0.1, "relative_error_std": 0.2}
    load = load_of(short_term={"interval": "1min"}, forecast=forecast)
    day_ahead = load.forecast(by_element=True).power_kw[0]
    _, expected = run(load, 60)
    np.testing.assert_allclose(expected, np.tile(day_ahead, (60, 1)), rtol=1e-12)


def test_the_beginning_is_unknown_where_only_the_total_was_forecast(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text("time_s,power_kw\n0,3\n300,4\n")
    load = load_of(context_of(tmp_path), forecast={"file": "plan.csv"})
    assert load.initial_outputs()["expected_power_kw"].tolist() == [0, 0]


def test_what_is_known_without_error_comes_true() -> None:
    drawn, expected = run(load_of(short_term={**KNOWN, "interval": "1min"}), 600)
    by_minute = drawn.reshape(10, 60, 2).mean(axis=1)
    np.testing.assert_allclose(expected, np.repeat(by_minute, 60, axis=0))


def test_a_last_interval_cut_short_is_known_as_far_as_it_goes() -> None:
    drawn, expected = run(load_of(short_term={**KNOWN, "interval": "7min"}), 600)
    np.testing.assert_allclose(expected[420:], np.tile(drawn[420:].mean(axis=0), (180, 1)))


def test_the_error_of_what_is_known_is_as_stated() -> None:
    long = context_of(duration_s=4000 * 60)
    load = load_of(
        long,
        profile={"constant_kw": 2.0},
        step_size="1min",
        short_term={**KNOWN, "relative_error_std": 0.2},
    )
    _, expected = run(load, 4000 * 60)
    relative = expected / 2 - 1
    # 4000 draws: standard error of the mean 0.003, of the spread 0.002.
    assert relative[:, 0].mean() == pytest.approx(0, abs=0.012)
    assert relative[:, 0].std() == pytest.approx(0.2, abs=0.01)
    np.testing.assert_array_equal(relative[:, 0], relative[:, 1])  # common to all of them


def test_errors_leave_what_is_drawn_and_the_day_ahead_forecast_alone() -> None:
    forecast = {"relative_error_std": 0.1}
    plain = load_of(forecast=forecast)
    erring = load_of(forecast=forecast, short_term={**KNOWN, "relative_error_std": 0.3})
    np.testing.assert_array_equal(run(plain, 60)[0], run(erring, 60)[0])
    np.testing.assert_array_equal(plain.forecast().power_kw, erring.forecast().power_kw)


def test_it_is_computed_once_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    load = load_of(short_term={"interval": "1min"})
    compute, numbers = load._short_term._of, []

    def counted(number: int) -> FloatArray:
        numbers.append(number)
        return compute(number)

    monkeypatch.setattr(load._short_term, "_of", counted)
    run(load, 600)
    assert numbers == list(range(10))


def test_nothing_is_computed_that_nobody_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    load = load_of()
    load.take_outputs(frozenset({"power_kw"}))
    monkeypatch.setattr(load._short_term, "_of", lambda n: pytest.fail("computed"))
    assert load.initial_outputs() == {}
    assert sorted(load.step(0, {})) == ["power_kw", "reactive_power_kvar"]


def test_an_error_belongs_to_what_is_known() -> None:
    with pytest.raises(ValidationError, match="relative_error_std needs method: known"):
        load_of(short_term={"relative_error_std": 0.1})


def test_intervals_are_whole_steps() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_of(step_size="1min", short_term={"interval": "90s"})
    assert str(caught.value).startswith("short_term.interval: 90s is not a multiple of the step")


class TestCorrelatedErrors:
    def test_independent_errors_are_as_they_always_were(self) -> None:
        noise = np.random.default_rng(1).standard_normal(100)
        np.testing.assert_array_equal(correlated(noise, 900), noise)

    def test_variance_and_correlation_are_as_stated(self) -> None:
        noise = np.random.default_rng(1).standard_normal(200_000)
        found = correlated(noise, 900, 3600)
        # 200 000 numbers, some 25 000 independent ones: standard errors 0.006 and below.
        assert found.std() == pytest.approx(1, abs=0.02)
        for lag in (1, 4):
            now = np.corrcoef(found[:-lag], found[lag:])[0, 1]
            assert now == pytest.approx(np.exp(-lag / 4), abs=0.02)

    def test_the_first_numbers_do_not_depend_on_how_many_follow(self) -> None:
        noise = np.random.default_rng(1).standard_normal(50)
        np.testing.assert_array_equal(
            correlated(noise, 900, 1800)[:7], correlated(noise[:7], 900, 1800)
        )

    def test_a_forecasts_errors_are_correlated(self) -> None:
        hours = context_of(duration_s=5000 * 3600)
        load = load_of(
            hours,
            profile={"constant_kw": 1.0},
            step_size="1h",
            forecast={"relative_error_std": 0.2, "error_correlation_time": "4h"},
        )
        errors = load.forecast().power_kw / 2 - 1
        assert errors.std() == pytest.approx(0.2, abs=0.02)
        # The closed form exp(-1/4) = 0.78; standard error of 5000 correlated pairs 0.01.
        assert np.corrcoef(errors[:-1], errors[1:])[0, 1] == pytest.approx(0.78, abs=0.04)

    def test_a_file_has_its_own_errors(self) -> None:
        with pytest.raises(ValidationError, match="a forecast from a file has its own error"):
            load_of(forecast={"file": "plan.csv", "error_correlation_time": "1h"})

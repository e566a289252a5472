"""The scenario `mcu-2020`: the same record wherever it is computed, physics, money, and chance.

Nothing here depends on how large anything in the scenario is: what is expected follows from
conservation of energy, from the rule's definition, and from what nobody can know.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gridloom.controllers.telemetry import SOLVE_TIME
from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.recorded_run import record_run
from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.scenarios.results.kpis.ledger import gain_eur, ledger_of
from gridloom.scenarios.results.kpis.negotiation import negotiation_of
from gridloom.scenarios.results.record import open_record
from gridloom.scenarios.run_folder import RunFolder
from gridloom.scenarios.tracing import Tracing
from gridloom.simulators.model import FloatArray

Sets = dict[str, np.ndarray[Any, Any]]
"""Every dataset of a record by its path."""
Run = Callable[..., Path]

SHORT = "duration=6h"
INFLEXIBLE = ("load", "pv", "wind")
FLEXIBLE = ("dg", "ess", "ev", "flexible")
TOLERANCE_KW = 1e-5
"""The rule's own is 1e-6 kW; solvers are exact to some 1e-7 of what they are given."""
SCRIPT = """
import sys
from pathlib import Path
from gridloom.scenarios.composition import compose
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.recorded_run import record_run
from gridloom.scenarios.run_folder import RunFolder
from gridloom.scenarios.tracing import Tracing

folder, overrides = RunFolder(Path(sys.argv[1])), ["fuse=true", *sys.argv[2:]]
document = read_scenario("mcu-2020", overrides)
with folder.claimed():
    record_run(compose(document, document.scenario("bisection")), folder, Tracing())
"""


def record(folder: Path, variant: str, *overrides: str) -> Path:
    """Run the scenario into a folder; return its record."""
    document = read_scenario("mcu-2020", ["fuse=true", *overrides])
    run_folder = RunFolder(folder)
    with run_folder.claimed():
        record_run(compose(document, document.scenario(variant)), run_folder, Tracing())
    return run_folder.partial_record


def sets(path: Path) -> Sets:
    """Return every dataset but wall times."""
    found: Sets = {}

    def collect(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and not name.endswith(SOLVE_TIME.name):
            found[name] = np.asarray(item[()])

    with h5py.File(path) as file:
        file.visititems(collect)
    return found


def differing(ours: Sets, theirs: Sets) -> list[str]:
    """Return which datasets are not the same to the last bit."""
    assert ours.keys() == theirs.keys()
    return [
        name
        for name, values in ours.items()
        if values.dtype != theirs[name].dtype
        or values.shape != theirs[name].shape
        or (values.tolist() != theirs[name].tolist() and values.tobytes() != theirs[name].tobytes())
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs a variant with overrides, once."""

    @cache
    def run_once(variant: str, *overrides: str) -> Path:
        return record(tmp_path_factory.mktemp(variant), variant, *overrides)

    return run_once


@pytest.fixture(scope="module")
def day(run: Run) -> Path:
    """The record of a whole day of bisection."""
    return run("bisection")


class TestTheSameRecord:
    def test_fused_and_separate(self, run: Run, tmp_path: Path) -> None:
        separate = record(tmp_path, "bisection", SHORT, "fuse=false")
        assert differing(sets(run("bisection", SHORT)), sets(separate)) == []

    @pytest.mark.slow
    def test_in_processes_of_their_own(self, run: Run, tmp_path: Path) -> None:
        apart = [
            f"variants.bisection.controllers.{name}.placement=process"
            for name in ("ev_agent", "dg_agent", "mcu")
        ]
        elsewhere = record(tmp_path, "bisection", SHORT, *apart)
        assert differing(sets(run("bisection", SHORT)), sets(elsewhere)) == []

    @pytest.mark.slow  # other tests see to that for cheaper scenarios
    def test_for_every_hash_seed(self, run: Run, tmp_path: Path) -> None:
        """The seed of this process is another one every time, unless it was given one."""
        seed = "0" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
        finished = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path), SHORT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        elsewhere = sets(RunFolder(tmp_path).partial_record)
        assert differing(sets(run("bisection", SHORT)), elsewhere) == []


def power_kw(found: Sets, name: str) -> FloatArray:
    """Return what all devices of a simulator draw: (step,)."""
    total: FloatArray = found[f"{name}/power_kw"].sum(axis=1)
    return total


class TestPhysics:
    def test_what_remains_is_what_the_market_measures(self, day: Path) -> None:
        """The portfolio is all seven; generation is known when an hour is cleared."""
        found = sets(day)
        imbalance_kwh = found["market/imbalance_kwh"]
        remaining_kw = found["mcu/remaining_surplus_kw"]
        assert np.allclose(imbalance_kwh, -remaining_kw, rtol=0, atol=TOLERANCE_KW)
        total_kw = sum(power_kw(found, name) for name in (*INFLEXIBLE, *FLEXIBLE))
        assert np.allclose(total_kw - found["market/position_kw"], imbalance_kwh, rtol=0, atol=1e-6)

    def test_a_bonus_below_the_cap_leaves_nothing(self, day: Path) -> None:
        """As long as the market's other price is not reached, all is consumed or made here."""
        found = sets(day)
        bonus, remaining_kw = found["mcu/bonus_eur_per_mwh"], found["mcu/remaining_surplus_kw"]
        assert (
            found["mcu/local_buying_price_eur_per_mwh"]
            == found["mcu/local_selling_price_eur_per_mwh"]
        ).all()
        cap = found["market/imbalance_price_shortage_eur_per_mwh"]
        cap = cap - found["market/imbalance_price_surplus_eur_per_mwh"]
        inside = (bonus > 0) & (bonus < cap - 1e-9)
        assert inside.any()
        assert np.abs(remaining_kw[inside]).max() < TOLERANCE_KW

    def test_local_prices_lie_between_those_of_the_market(self, day: Path) -> None:
        found = sets(day)
        local = found["mcu/local_buying_price_eur_per_mwh"]
        assert (local <= found["market/imbalance_price_shortage_eur_per_mwh"] + 1e-9).all()
        assert (local >= found["market/imbalance_price_surplus_eur_per_mwh"] - 1e-9).all()

    def test_storage_ends_with_what_it_began(self, day: Path) -> None:
        document = read_scenario("mcu-2020")
        config = document.scenario("bisection").simulators["ess"]
        begin = config.initial_state_of_charge  # type: ignore[attr-defined]
        assert (sets(day)["ess/state_of_charge"][-1] >= begin - 1e-6).all()

    def test_flexible_demand_is_moved_not_dropped(self, day: Path) -> None:
        assert np.allclose(sets(day)["flexible/energy_shifted_kwh"][-1], 0.0, rtol=0, atol=1e-3)

    def test_no_vehicle_leaves_with_less_than_required(self, day: Path) -> None:
        """State of charge at the end of the last whole hour before departure."""
        found = sets(day)
        departure_s = found["ev/session_departure_s"]
        gone = np.flatnonzero(departure_s <= 24 * 3600)
        assert len(gone) > 10
        step = (departure_s[gone] // 3600).astype(int) - 1
        place = found["ev/session_charging_point"][gone]
        at_departure = found["ev/state_of_charge"][step, place]
        assert (at_departure >= found["ev/session_required_state_of_charge"][gone] - 1e-6).all()

    def test_voltages_and_transformers_stay_within_limits(self, day: Path) -> None:
        found = sets(day)
        assert not found["grid/unsolved"].any()
        voltage_pu = found["grid/voltage_pu"]
        assert np.nanmin(voltage_pu) >= found["grid/voltage_limit_low_pu"]
        assert np.nanmax(voltage_pu) <= found["grid/voltage_limit_high_pu"]
        assert np.nanmax(found["grid/transformer_loading_percent"]) <= 100.0

    def test_lines_stay_within_limits(self, day: Path) -> None:
        found = sets(day)
        rated_a = found["grid/line_rated_current_a"][:, np.newaxis]
        assert np.nanmax(found["grid/line_current_a"] / rated_a) <= 1.0

    def test_generators_keep_their_limits_and_ramps(self, day: Path) -> None:
        found = sets(day)
        made_kw = -found["dg/power_kw"]
        assert (made_kw <= found["dg/generation_max_kw"] + 1e-6).all()
        assert (made_kw >= found["dg/generation_min_kw"] - 1e-6).all()
        assert (np.abs(np.diff(made_kw, axis=0)) <= found["dg/ramp_kw_per_h"] + 1e-6).all()


class TestMoney:
    def test_nobody_is_worse_off_than_alone_with_the_market(self, day: Path) -> None:
        with open_record(day) as tree:
            negotiation = negotiation_of(tree)
        assert negotiation is not None
        gains = {party.name: gain_eur(negotiation, party) for party in negotiation.parties}
        assert set(gains) == {*INFLEXIBLE, *FLEXIBLE}
        for name in ("wind", "pv"):
            assert gains[name].min() >= 0.0
            assert gains[name].sum() > 0.0

    def test_every_payment_has_a_payer(self, day: Path) -> None:
        with open_record(day) as tree:
            negotiation = negotiation_of(tree)
        assert negotiation is not None
        ledger = ledger_of(negotiation)
        assert np.allclose(ledger.paid_eur.sum(axis=1), 0.0, rtol=0, atol=1e-6)
        # The two prices of the market close from within: the coordinator never pays in.
        assert (ledger.coordinator_balance_eur >= -1e-6).all()


CHANNEL = "variants.bisection.controllers.mcu.channel="
"""There are variants without an MCU."""


class TestChannel:
    def test_what_is_lost_leaves_more_to_the_market(self, day: Path, run: Run) -> None:
        lossy = run("bisection", CHANNEL + "{loss: 0.2, latency_s: 0.5, drop_out: 0.3}")
        perfect, theirs = sets(day), sets(lossy)
        left_kwh, more_kwh = (
            np.abs(found["market/imbalance_kwh"]).sum() for found in (perfect, theirs)
        )
        assert more_kwh > left_kwh + 1.0
        assert len(theirs["mcu/time"]) == 24

    def test_every_message_counts(self, day: Path) -> None:
        """A perfect channel: request and offer a round, at the end an order; others say all once.

        On the wire: a head of 21 bytes and 8 a value; requests have two prices an interval.
        """
        found = sets(day)
        messages, rounds = found["mcu/messages"], found["mcu/negotiation_rounds"]
        names = [name.decode().partition("/")[0] for name in found["mcu/agent"]]
        flexible = np.array([name.removesuffix("_agent") in FLEXIBLE for name in names])
        expected = np.where(flexible, 2.0 * rounds[:, np.newaxis] + 1.0, 2.0)
        assert (messages == expected).all()
        intervals, head = 9, 21
        request, offer = head + 16 * intervals, head + 8 * intervals
        size = np.where(
            flexible, rounds[:, np.newaxis] * (request + offer) + offer, request + offer
        )
        assert (found["mcu/message_bytes"] == size).all()

    def test_lost_messages_were_sent_all_the_same(self, run: Run) -> None:
        """A request and its ten repetitions; nothing more to those who were never heard."""
        found = sets(run("bisection", SHORT, CHANNEL + "{loss: 1}"))
        assert (found["mcu/messages"] == 11.0).all()

    @pytest.mark.parametrize(
        "channel",
        [
            pytest.param("{loss: 0.2}", marks=pytest.mark.slow),
            pytest.param("{latency_s: 0.5}", marks=pytest.mark.slow),
            "{loss: 0.2, latency_s: 0.5, drop_out: 0.3}",
        ],
    )
    def test_a_bad_channel_is_better_than_none(self, run: Run, channel: str) -> None:
        none, bad = (
            np.abs(sets(run("bisection", SHORT, CHANNEL + each))["market/imbalance_kwh"]).sum()
            for each in ("{drop_out: 1}", channel)
        )
        assert bad < none

    @pytest.mark.parametrize("channel", ["{drop_out: 0.3}", "{loss: 0.6}"])
    def test_nobody_forgets_what_it_owes(self, run: Run, channel: str) -> None:
        """Who gets no order goes on with the last one, which makes what it did before whole."""
        found = sets(run("bisection", CHANNEL + channel))
        assert found["ess/state_of_charge"][-1] == pytest.approx([0.5], abs=1e-9)
        assert found["flexible/energy_shifted_kwh"][-1] == pytest.approx([0.0], abs=1e-6)

    @pytest.mark.parametrize("rounds", [1, 4])
    def test_out_of_rounds_nobody_pays_for_it(self, run: Run, rounds: int) -> None:
        """Half an agreement balances; without any, all trade at the market's prices."""
        keys = f"variants.bisection.controllers.mcu.max_rounds={rounds}"
        with open_record(run("bisection", keys)) as found:
            indicators = {(kpi.name, kpi.of): kpi.value for kpi in compute_kpis(found)}
        assert indicators["mcu_balance_eur", ""] > -0.01

    @pytest.mark.parametrize(
        "deaf", ["{drop_out: 1}", pytest.param("{loss: 1}", marks=pytest.mark.slow)]
    )
    def test_who_is_not_heard_keeps_the_schedule(self, run: Run, deaf: str) -> None:
        found = sets(run("bisection", SHORT, CHANNEL + deaf))
        for name in FLEXIBLE:
            scheduled_kw = found[f"{name}_agent/scheduled_power_kw"].sum(axis=1)
            assert np.allclose(power_kw(found, name), scheduled_kw, rtol=0, atol=1e-6)
        # What the market is left with is all that inflexible devices stray.
        strayed_kw = sum(
            power_kw(found, name) - found[f"{name}_agent/scheduled_power_kw"].sum(axis=1)
            for name in INFLEXIBLE
        )
        assert np.allclose(found["market/imbalance_kwh"], strayed_kw, rtol=0, atol=1e-5)


NOON = 12
UP_TO_NOON = "16h"
"""As far as it takes: for as long as it runs, the MCU looks ahead beyond noon."""


def _wind(folder: Path, name: str, afternoon_m_per_s: float) -> Path:
    """Write an hourly course of the wind that is the same up to noon."""
    speeds = [7.0 + 3.0 * np.sin(hour) for hour in range(NOON)] + [afternoon_m_per_s] * 12
    path = folder / f"{name}.csv"
    rows = "".join(f"{60 * hour},{speed}\n" for hour, speed in enumerate(speeds))
    path.write_text("minute,wind_speed\n" + rows)
    return path


class TestNobodyLooksAhead:
    """Another wind after noon, which the day-ahead forecast, from a file, knows nothing of."""

    @pytest.fixture(scope="class")
    @staticmethod
    def runs(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Sets]]:
        """Return a function that runs a rule in a windy and in a calm afternoon."""
        folder = tmp_path_factory.mktemp("wind")
        forecast = folder / "forecast.csv"
        hours = "".join(f"{60 * hour},-4000\n" for hour in range(24))
        forecast.write_text("minute,power_kw\n" + hours)

        def both(rule: str, duration: str = "24h") -> list[Sets]:
            return [
                sets(
                    run(
                        rule,
                        f"duration={duration}",
                        "simulators.wind.wind_speed={generator: null, mean_m_per_s: null, "
                        f"file: {_wind(folder, name, speed)}}}",
                        "simulators.wind.forecast={relative_error_std: null, "
                        f"error_correlation_time: null, file: {forecast}}}",
                    )
                )
                for name, speed in (("windy", 11.0), ("calm", 4.0))
            ]

        return both

    @pytest.mark.parametrize("rule", ["bisection", "central"])
    def test_what_comes_after_noon_changes_nothing_before(
        self, rule: str, runs: Callable[..., list[Sets]]
    ) -> None:
        both = runs(rule) if rule == "bisection" else runs(rule, UP_TO_NOON)
        windy, calm = ({n: v[:NOON] for n, v in _in_time(f).items()} for f in both)
        assert len(windy) > 60
        assert differing(windy, calm) == []

    def test_afternoons_differ(self, runs: Callable[..., list[Sets]]) -> None:
        windy, calm = ({n: v[NOON:] for n, v in _in_time(f).items()} for f in runs("bisection"))
        changed = differing(windy, calm)
        assert {"wind/power_kw", "mcu/expected_surplus_kw", "dg/power_kw"} <= set(changed)

    def test_who_knows_the_future_uses_it_before_noon(
        self, runs: Callable[..., list[Sets]]
    ) -> None:
        """So that the same comparison would find a rule that looks ahead."""
        both = runs("perfect", UP_TO_NOON)
        windy, calm = ({n: v[:NOON] for n, v in _in_time(f).items()} for f in both)
        assert "dg/power_kw" in differing(windy, calm)


def _in_time(found: Sets) -> Sets:
    """Return what has a row a step."""
    return {
        name: values
        for name, values in found.items()
        if f"{name.partition('/')[0]}/time" in found
        and values.ndim
        and len(values) == len(found[f"{name.partition('/')[0]}/time"])
    }

"""The agents together: with and without grid and market, step sizes, arrivals, phases."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from typing_extensions import override

import gridloom
from gridloom.controllers.amas.config import AmasConfig, Rule
from gridloom.controllers.amas.controller import Amas
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.ev_fleet import EvFleet
from gridloom.simulators.grid.simulator import Grid
from gridloom.simulators.market import ImbalanceMarket
from gridloom.simulators.model import (
    BuildContext,
    Direction,
    ElementSet,
    FloatArray,
    Inputs,
    Model,
    Outputs,
    Port,
)
from gridloom.simulators.signals import LINE_CURRENT, Information

FleetOf: TypeAlias = Callable[..., EvFleet]
MarketOf: TypeAlias = Callable[..., ImbalanceMarket]
SteadyOf: TypeAlias = Callable[..., Model]
GridOf: TypeAlias = Callable[..., Grid]
AmasOf: TypeAlias = Callable[..., Amas]
Run: TypeAlias = Callable[..., dict[str, dict[str, FloatArray]]]

THREE = (("h1", "20min", 0.655), ("h2", "2h", 0.75), ("h3", "2h", 0.5))


@pytest.fixture
def street() -> Any:
    """A 0.4 kV cable of 65 A from the source, at its end the three houses h1, h2 and h3."""
    import pandapower

    net = pandapower.create_empty_network()
    for _ in range(2):
        pandapower.create_bus(net, vn_kv=0.4)
    pandapower.create_ext_grid(net, 0)
    pandapower.create_line_from_parameters(
        net,
        0,
        1,
        length_km=0.05,
        r_ohm_per_km=0.2,
        x_ohm_per_km=0.1,
        c_nf_per_km=0.0,
        max_i_ka=0.065,
        r0_ohm_per_km=0.8,
        x0_ohm_per_km=0.4,
        c0_nf_per_km=0.0,
        name="cable",
    )
    for name in ("h1", "h2", "h3"):
        pandapower.create_load(net, 1, p_mw=0.0, name=name)
    return net


@pytest.fixture
def cable(grid_of: GridOf, street: Any) -> Grid:
    return grid_of(street)


class TestSurroundings:
    def test_alone_it_brings_everybody_to_the_required_state(
        self, fleet_of: FleetOf, amas_of: AmasOf, run: Run
    ) -> None:
        fleet = fleet_of(*THREE)
        told = run(fleet, amas_of(fleet), until_s=1200)
        power_kw, state = told["ev"]["power_kw"], told["ev"]["state_of_charge"]
        # By hand: (0.7 - 0.655) 30 kWh + 0.003 * 30 kWh = 1.44 kWh of 7/3 kWh possible in 20 min:
        # criticality 0.617 (0.62 less the fading), a rise by 0.05 * 0.62 * 7 kW = 0.217 kW/s.
        assert power_kw[0, 0] == pytest.approx(0.05 * 7 * 1.44 / (7 / 3 - 7 * 5 / 3600))
        assert state[-1, 0] >= 0.7
        assert not power_kw[:, 1].any()  # has enough already
        assert not told["charging"]["messages"].any()

    def test_without_a_market_nobody_speaks_for_the_balance(
        self, fleet_of: FleetOf, amas_of: AmasOf, cable: Grid, run: Run
    ) -> None:
        fleet = fleet_of(*THREE)
        told = run(cable, fleet, amas_of(cable, fleet), until_s=20)
        assert not told["ev"]["power_kw"][:, 1].any()
        # By hand: each of three is told its share once, and no line is critical.
        assert told["charging"]["messages"].tolist() == [3.0] + [0.0] * 19
        assert told["charging"]["message_bytes"][0] == 48.0

    def test_a_grid_that_tells_currents_alone_is_refused(
        self, fleet_of: FleetOf, amas_of: AmasOf
    ) -> None:
        class Ammeter(Model):
            @property
            @override
            def ports(self) -> tuple[Port, ...]:
                lines = ElementSet(kind="line", owner="meter", names=("cable",))
                return (Port(signal=LINE_CURRENT, direction=Direction.OUTPUT, elements=lines),)

            @override
            def step(self, time: int, inputs: Inputs) -> Outputs:
                raise NotImplementedError

        start = datetime(2021, 3, 24, tzinfo=UTC)
        meter = Ammeter(BuildContext(name="meter", start=start, duration_s=60, seed=0), 1)
        with pytest.raises(ScenarioError, match="'meter' tells line currents but not line_power"):
            amas_of(meter, fleet_of(*THREE))

    def test_deviating_on_purpose_needs_prices(self, fleet_of: FleetOf, amas_of: AmasOf) -> None:
        for aim in ("worthwhile", "price_aware"):
            with pytest.raises(ScenarioError, match=f"'{aim}' needs imbalance prices") as caught:
                amas_of(fleet_of(*THREE), brp=aim)
            (problem,) = caught.value.problems
            assert problem.key == ("brp",)
            assert problem.expected == "a simulator of type imbalance_market"

    def test_worthwhile_needs_nothing_but_a_market(
        self, fleet_of: FleetOf, amas_of: AmasOf, market_of: MarketOf, run: Run
    ) -> None:
        fleet, market = fleet_of(*THREE), market_of("h1", "h2", "h3")
        told = run(fleet, market, amas_of(fleet, market, brp="worthwhile"), until_s=5)
        assert np.isfinite(told["ev"]["power_kw"]).all()

    def test_it_knows_what_it_declares(
        self,
        fleet_of: FleetOf,
        amas_of: AmasOf,
        market_of: MarketOf,
        cable: Grid,
    ) -> None:
        assert Amas.Config is AmasConfig
        assert Amas.information == {
            Information.MEASUREMENTS,
            Information.SESSIONS_PLUGGED_IN,
            Information.DECLARED_DEPARTURES,
        }
        fleet, market = fleet_of(*THREE), market_of("h1")
        amas = amas_of(fleet, cable, market)
        assert amas.granted == Amas.information
        assert {p.name for p in amas.ports if p.direction is Direction.INPUT} == {
            "power_min_kw",
            "power_max_kw",
            "rated_charging_kw",
            "stored_energy_kwh",
            "energy_capacity_kwh",
            "required_state_of_charge",
            "energy_required_kwh",
            "departure_s",
            "line_current_a",
            "line_power_kw",
            "bus_voltage_pu",
            "transformer_loading_percent",
            "imbalance_kwh",
        }
        with pytest.raises(PermissionError, match="Amas may not know 'forecast'"):
            amas.forecasts()


class TestPortfolio:
    def test_only_its_own_vehicles_hear_the_party(
        self, fleet_of: FleetOf, amas_of: AmasOf, market_of: MarketOf, run: Run
    ) -> None:
        """h2 and h3 need nothing; 50 kW too much were bought for h2 alone."""
        fleet = fleet_of(("h2", "2h", 0.75), ("h3", "2h", 0.75))
        market = market_of("h2", position_kw=[50.0])
        told = run(fleet, market, amas_of(fleet, market), until_s=60)
        assert told["ev"]["power_kw"][-1, 0] == pytest.approx(7.0)
        assert not told["ev"]["power_kw"][:, 1].any()
        # One meter tells the party, the party tells one vehicle, but in the first step.
        assert told["charging"]["messages"].tolist() == [1.0] + [2.0] * 59

    def test_its_power_scales_with_its_own_vehicles(
        self, fleet_of: FleetOf, amas_of: AmasOf, market_of: MarketOf, run: Run
    ) -> None:
        """By hand: 1 kW too much for 1 s, 899 s left: 1/899 kW, over 100/385 of 7 kW: 6.1e-4."""
        fleet = fleet_of(("h2", "2h", 0.75), ("h3", "2h", 0.75))
        market = market_of("h2", position_kw=[1.0])
        amas = amas_of(fleet, market, idle_below=0.0)
        power_kw = run(fleet, market, amas, until_s=2)["ev"]["power_kw"]
        assert power_kw[1, 0] == pytest.approx(0.05 * 7 * (1 / 899) / (7 * 100 / 385))

    def test_a_market_without_any_of_its_vehicles_is_no_business_of_theirs(
        self, fleet_of: FleetOf, amas_of: AmasOf, market_of: MarketOf, steady_of: SteadyOf, run: Run
    ) -> None:
        fleet, market, load = fleet_of(*THREE), market_of("h9"), steady_of(h9=5.0)
        told = run(fleet, market, load, amas_of(fleet, market, load), until_s=5)
        assert not told["charging"]["messages"].any()


class TestSetpoints:
    @pytest.mark.parametrize("position_kw", [60.0, -60.0])
    @pytest.mark.parametrize("step_s", [1, 60])
    def test_they_are_always_possible(
        self,
        fleet_of: FleetOf,
        amas_of: AmasOf,
        market_of: MarketOf,
        run: Run,
        position_kw: float,
        step_s: int,
    ) -> None:
        step = {"step_size": f"{step_s}s"}
        for rule in Rule:
            fleet = fleet_of(*THREE, ("h4", "2h", 0.31), **step)
            market = market_of("h1", "h2", "h3", "h4", position_kw=[position_kw], **step)
            told = run(fleet, market, amas_of(fleet, market, rule=rule, **step), until_s=1500)
            asked = told["charging"]["power_setpoint_kw"]
            # The fleet obeys within its limits: it obeyed to the letter.
            np.testing.assert_array_equal(told["ev"]["power_kw"], asked)
            assert np.abs(asked).max() == 7.0
            assert not asked[1500 // step_s - 1, 0]  # h1 has left

    @pytest.mark.parametrize("step_s", [1, 60])
    def test_a_deviation_is_undone_within_its_period(
        self,
        fleet_of: FleetOf,
        amas_of: AmasOf,
        market_of: MarketOf,
        steady_of: SteadyOf,
        run: Run,
        step_s: int,
    ) -> None:
        """A load of 6 kW that nobody bought would be a shortage of 1.5 kWh in a quarter of an
        hour; vehicles of 14 kW can give it."""
        step = {"step_size": f"{step_s}s"}
        fleet = fleet_of(("h1", "2h", 0.78), ("h2", "2h", 0.78), **step)
        market, load = market_of("h1", "h2", **step), steady_of(step_s=step_s, h1=6.0)
        amas = amas_of(fleet, market, load, **step)
        imbalance_kwh = run(fleet, market, load, amas, until_s=900)["market"]["imbalance_kwh"]
        assert imbalance_kwh.max() > 0.1
        assert abs(imbalance_kwh[-1]) < 0.1

    def test_they_are_reproducible(
        self, fleet_of: FleetOf, amas_of: AmasOf, market_of: MarketOf, run: Run
    ) -> None:
        runs = []
        for _ in range(2):
            fleet, market = fleet_of(*THREE), market_of("h1", "h2", position_kw=[10.0])
            runs.append(run(fleet, market, amas_of(fleet, market), until_s=100)["charging"])
        for signal, values in runs[0].items():
            np.testing.assert_array_equal(values, runs[1][signal])

    @pytest.mark.parametrize("keys", [{"fade_out": "1s"}, {"rule": "literal"}, {}])
    def test_who_comes_does_not_inherit_the_power_of_who_left(
        self, fleet_of: FleetOf, amas_of: AmasOf, run: Run, keys: dict[str, str]
    ) -> None:
        stays = [
            {"arrival": "0s", "departure": "60s", "arrival_state_of_charge": 0.5},
            {"arrival": "60s", "departure": "2h", "arrival_state_of_charge": 0.75},
        ]
        fleet = fleet_of(*({"charging_point": "h1", **stay} for stay in stays))
        power_kw = run(fleet, amas_of(fleet, **keys), until_s=70)["ev"]["power_kw"][:, 0]
        assert power_kw[:60].max() == 7.0
        assert not power_kw[60:].any()

    def test_charging_losses_count_as_need(
        self, fleet_of: FleetOf, amas_of: AmasOf, run: Run
    ) -> None:
        """By hand: (0.7 - 0.66) 30 kWh / 0.8 + 0.09 kWh = 1.59 kWh of 7 kW for an hour less 5 s."""
        fleet = fleet_of(("h1", "1h", 0.66), charge_efficiency=0.8)
        power_kw = run(fleet, amas_of(fleet), until_s=1)["ev"]["power_kw"]
        assert power_kw[0, 0] == pytest.approx(0.05 * 7 * 1.59 / (7 * 3595 / 3600))


class TestSteps:
    def test_agents_faster_than_their_measurements_are_refused(
        self,
        fleet_of: FleetOf,
        amas_of: AmasOf,
        market_of: MarketOf,
        grid_of: GridOf,
        street: Any,
    ) -> None:
        slow = {"step_size": "60s"}
        cases = (
            ((fleet_of(*THREE, **slow),), "ev"),
            ((fleet_of(*THREE), grid_of(street, **slow)), "grid"),
            ((fleet_of(*THREE), market_of("h1", **slow)), "market"),
        )
        for models, culprit in cases:
            with pytest.raises(ScenarioError, match=f"every 1s, '{culprit}' every 1min") as caught:
                amas_of(*models)
            assert caught.value.problems[0].key == ("step_size",)

    def test_slower_agents_keep_the_line_and_fill_the_vehicles(
        self,
        fleet_of: FleetOf,
        amas_of: AmasOf,
        cable: Grid,
        steady_of: SteadyOf,
        run: Run,
    ) -> None:
        """By hand: 65 A at 0.4 kV are 45 kVA, of which 33 kW are taken; 21 kW would be too much."""
        stays = [(name, "20min", 0.64) for name in ("h1", "h2", "h3")]
        fleet, load = fleet_of(*stays), steady_of(h1=33.0)
        amas = amas_of(fleet, cable, load, step_size="60s")
        told = run(cable, fleet, load, amas, until_s=1200)
        assert told["grid"]["line_current_a"].max() < 65.0
        assert told["ev"]["power_kw"].sum(axis=1).max() > 6.0


class TestGrid:
    def test_relief_reaches_the_own_phase_alone(
        self,
        fleet_of: FleetOf,
        amas_of: AmasOf,
        grid_of: GridOf,
        steady_of: SteadyOf,
        street: Any,
        run: Run,
    ) -> None:
        """15 kW on phase a are 65 A; h1 is on a, h2 on b, h3 on c; all need all they can get."""
        import pandapower

        street.load = street.load.drop(street.load.index)
        for phase, name in zip("abc", ("h1", "h2", "h3"), strict=True):
            pandapower.create_asymmetric_load(street, 1, **{f"p_{phase}_mw": 1e-9}, name=name)
        grid = grid_of(street, phases="unbalanced")
        fleet = fleet_of(*((name, "20min", 0.5) for name in ("h1", "h2", "h3")))
        load = steady_of(h1=13.0)
        told = run(grid, fleet, load, amas_of(grid, fleet, load), until_s=120)
        power_kw = told["ev"]["power_kw"][-1]
        current_a = told["grid"]["line_current_a"][:, 0]
        assert current_a.max() < 65.0
        assert current_a[-1, 0] > 0.8 * 65.0
        assert power_kw[0] < 2.0
        assert power_kw[1:] == pytest.approx([7.0, 7.0])

    def test_vehicles_feed_in_less_where_a_line_exports_too_much(
        self,
        fleet_of: FleetOf,
        amas_of: AmasOf,
        market_of: MarketOf,
        cable: Grid,
        steady_of: SteadyOf,
        run: Run,
    ) -> None:
        """80 kW sold against 38 kW of PV, on a line of 45 kVA."""
        fleet = fleet_of(*((name, "2h", 0.78) for name in ("h1", "h2", "h3")))
        pv = steady_of(h1=-38.0)
        market = market_of("h1", "h2", "h3", position_kw=[-80.0])
        amas = amas_of(cable, fleet, pv, market)
        told = run(cable, fleet, pv, market, amas, until_s=300)
        assert told["ev"]["power_kw"].min() < -0.5
        assert told["grid"]["line_current_a"].max() < 65.0


@pytest.mark.slow
def test_the_reference_case_is_kept_in_its_limits(tmp_path: Path) -> None:
    """The bars that this scheme was built to pass, on the case that basic charging overloads."""
    kpis = {}
    for variant in ("basic", "amas"):
        (finished,) = gridloom.run("ademis-2021", out=tmp_path, variant=variant)
        kpis[variant] = {kpi.name: kpi.value for kpi in finished.kpis if not kpi.of}
    basic, amas = kpis["basic"], kpis["amas"]
    assert basic["line_overload_duration_s"] > 600.0
    assert amas["line_overload_duration_s"] == 0.0
    assert amas["shortage_cost_eur"] <= 0.1 * basic["shortage_cost_eur"]
    assert amas["missing_energy_max_kwh"] <= 0.02
    assert amas["battery_throughput_kwh"] <= 2.0 * basic["battery_throughput_kwh"]

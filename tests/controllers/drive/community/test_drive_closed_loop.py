"""What a run carries out: promises, physics, and the grid's limits.

Expected values are the scenario's own requirements and conservation of energy.
"""

from typing import Any

import numpy as np
import pytest

from gridloom.simulators.model import FloatArray

DEVICES = ("load", "pv", "battery", "ev", "v2g", "heat_pump", "washer")
INTERVAL_H, STEPS = 0.25, 16
INITIAL_KWH, REQUIRED = 4.0, 0.7
VARIANTS = ("community", "congestion")


def power_kw(found: dict[str, FloatArray]) -> FloatArray:
    """Return what all devices draw: (step,)."""
    total: FloatArray = sum(
        (found[f"{name}/power_kw"].sum(axis=1) for name in DEVICES), start=np.zeros(STEPS)
    )
    return total


@pytest.fixture(params=["erring", *VARIANTS])
def found(request: pytest.FixtureRequest, plain: Any, foreseen: Any) -> Any:
    """A run with forecast errors, and two without."""
    return plain if request.param == "erring" else foreseen[request.param]


class TestPromises:
    def test_no_vehicle_leaves_with_less_than_required(self, found: Any) -> None:
        """In the step before each departure: after 3 and 4 h."""
        ev, v2g = found["ev/state_of_charge"], found["v2g/state_of_charge"]
        at_departure = [ev[11, 0], ev[15, 1], ev[15, 2], v2g[15, 0]]
        assert np.min(at_departure) >= REQUIRED - 1e-6

    def test_jobs_are_done(self, found: Any) -> None:
        """1.5 kWh and 2 kWh, both within three hours; nothing is drawn after that."""
        drawn_kwh = found["washer/power_kw"] * INTERVAL_H
        np.testing.assert_allclose(drawn_kwh.sum(axis=0), [1.5, 2.0], atol=1e-9)
        np.testing.assert_allclose(drawn_kwh[12:], 0.0, atol=1e-12)

    def test_comfort_is_kept(self, found: Any) -> None:
        """Weather is foreseen in all three: no kelvin hour is missed."""
        indoor_c = found["heat_pump/indoor_temperature_c"]
        below_k = found["heat_pump/temperature_limit_low_c"][:, np.newaxis] - indoor_c
        above_k = indoor_c - found["heat_pump/temperature_limit_high_c"][:, np.newaxis]
        assert np.maximum(below_k, above_k).max() <= 1e-6
        assert found["heat_pump/power_kw"].max() > 0.5

    def test_batteries_end_with_what_they_began_with(self, found: Any) -> None:
        stored_kwh = found["battery/stored_energy_kwh"]
        np.testing.assert_allclose(stored_kwh[-1], INITIAL_KWH, atol=1e-6)
        assert np.ptp(stored_kwh, axis=0).min() > 1.0

    def test_nothing_is_ordered_beyond_the_end(self, found: Any) -> None:
        orders_kw = found["drive/order_power_kw"]
        assert orders_kw.shape[::2] == (STEPS, 96)
        for step in range(STEPS):
            assert not np.nan_to_num(orders_kw[step, :, STEPS - step :]).any()
        assert not found["drive/net_price_eur_per_mwh"][-1, :, 1:].any()


class TestEnergy:
    def test_devices_draw_what_the_community_pays_for(self, found: Any) -> None:
        bought_kwh = found["community/imported_kwh"] - found["community/exported_kwh"]
        drawn_kwh = np.cumsum(power_kw(found)) * INTERVAL_H
        np.testing.assert_allclose(drawn_kwh, bought_kwh, atol=1e-9)

    def test_the_bill_is_that_of_the_tariff(self, found: Any) -> None:
        """By hand: 280, 400, 180 and 360 EUR/MWh an hour each; 80 for what is fed in."""
        buying = np.repeat([280.0, 400.0, 180.0, 360.0], 4) / 1e3
        total_kw = power_kw(found)
        paid = np.where(total_kw > 0, buying, 0.08) * total_kw * INTERVAL_H
        assert found["community/cost_eur"][-1] == pytest.approx(paid.sum(), abs=1e-9)

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_the_grid_supplies_it_and_its_losses(self, foreseen: Any, variant: str) -> None:
        found = foreseen[variant]
        slack_kw = np.squeeze(found["grid/slack_power_kw"])
        supplied_kw = slack_kw - np.squeeze(found["grid/losses_kw"])
        np.testing.assert_allclose(power_kw(found), supplied_kw, atol=1e-4)

    @pytest.mark.parametrize("variant", VARIANTS)
    def test_what_was_foreseen_happens(self, foreseen: Any, variant: str) -> None:
        """Nobody strays from the plan where all is foreseen, and orders are all carried out."""
        found = foreseen[variant]
        planned_kw = found["drive/net_order_kw"].sum(axis=1)
        np.testing.assert_allclose(power_kw(found), planned_kw, atol=1e-6)


class TestCongestion:
    def test_the_service_keeps_what_prices_alone_would_overload(self, foreseen: Any) -> None:
        """The AC power flow of what devices then draw."""
        loading = {
            name: [
                found["grid/transformer_loading_percent"].max(),
                *found["grid/line_loading_percent"].max(axis=0),
            ]
            for name, found in foreseen.items()
        }
        assert min(loading["community"]) > 115.0
        assert max(loading["congestion"]) < 100.0
        assert max(loading["congestion"]) > 85.0  # and uses what there is

    def test_keeping_limits_costs_a_little(self, foreseen: Any) -> None:
        free_eur, kept_eur = (foreseen[name]["community/cost_eur"][-1] for name in VARIANTS)
        assert free_eur < kept_eur < 1.35 * free_eur

    def test_where_a_limit_binds_it_has_a_price(self, foreseen: Any) -> None:
        found = foreseen["congestion"]
        price = found["drive/congestion_price_eur_per_mwh"]
        flow_kw = found["drive/planned_power_kw"]
        limit_kw = np.array([np.inf, 23.4, 13.5, 13.5, np.inf, 6.3])
        binds = flow_kw > 0.99 * limit_kw
        assert (price[~binds & (flow_kw < 0.9 * limit_kw)] <= 1e-6).all()
        assert binds.any(axis=0)[[1, 2, 3, 5]].sum() >= 2
        assert price[binds].mean() > 1.0
        assert not foreseen["community"]["drive/congestion_price_eur_per_mwh"].any()

    def test_the_prognosis_is_what_the_community_would_do(self, foreseen: Any) -> None:
        """Once a day, for all of its intervals: what prices alone lead to, by the certified gap."""
        foretold_kw = foreseen["congestion"]["drive/prognosis_power_kw"][:, 0]
        assert np.isfinite(foretold_kw).all()
        buying = np.repeat([280.0, 400.0, 180.0, 360.0], 4) / 1e3
        paid = np.where(foretold_kw > 0, buying, 0.08) * foretold_kw * INTERVAL_H
        community_eur = foreseen["community"]["community/cost_eur"][-1]
        assert paid.sum() == pytest.approx(community_eur, rel=0.02)
        assert foretold_kw.max() > 23.4 * 1.2

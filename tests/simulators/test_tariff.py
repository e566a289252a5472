"""Tariffs: netting, cost against hand calculations and recorded powers, prices, what is refused."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext, FloatArray, Outputs
from gridloom.simulators.tariff import Tariff, TariffConfig

HOUSES = ("h1", "h2")
TYPE = "gridloom.simulators.tariff:Tariff"


def context_of(**changes: Any) -> BuildContext:
    defaults: dict[str, Any] = {
        "name": "tariff",
        "start": datetime(2021, 3, 24, 15, tzinfo=ZoneInfo("Europe/Berlin")),
        "duration_s": 3600,
        "seed": 1,
        "connection_points": HOUSES,
    }
    return BuildContext(**{**defaults, **changes})


def tariff_of(context: BuildContext | None = None, **keys: Any) -> Tariff:
    config = {
        "type": "tariff",
        "step_size": "5min",
        "import_price_eur_per_mwh": 300,
        "export_price_eur_per_mwh": 80,
        **keys,
    }
    return Tariff(TariffConfig.model_validate(config), context or context_of())


def run(tariff: Tariff, power_kw: Any) -> list[Outputs]:
    return [
        tariff.step(i * tariff.step_size, {"power_kw": np.array(row, dtype=float)})
        for i, row in enumerate(power_kw)
    ]


# Two settlement periods of three steps; the houses' energies in kWh, 5 min = 1/12 h:
# h1 +1 and -0.5, h2 -2 and +0.5; together -1 and 0.
POWERS_KW = [[12, 0], [0, -12], [0, -12], [-12, 0], [0, 6], [6, 0]]


def test_each_house_pays_for_its_own_energy() -> None:
    last = run(tariff_of(), POWERS_KW)[-1]
    np.testing.assert_allclose(last["imported_kwh"], [1.0, 0.5], atol=1e-12)
    np.testing.assert_allclose(last["exported_kwh"], [0.5, 2.0], atol=1e-12)
    # By hand: 1 kWh at 0.30 less 0.5 at 0.08 EUR; 0.5 at 0.30 less 2 at 0.08.
    np.testing.assert_allclose(last["cost_eur"], [0.26, -0.01], atol=1e-12)


def test_a_community_pays_for_what_its_houses_do_not_share() -> None:
    last = run(tariff_of(settles="community"), POWERS_KW)[-1]
    assert last["imported_kwh"] == pytest.approx(0.0, abs=1e-12)
    assert last["exported_kwh"] == pytest.approx(1.0)
    assert last["cost_eur"] == pytest.approx(-0.08)


def test_energy_is_netted_within_a_period_and_not_beyond() -> None:
    tariff = tariff_of(at=["h1"], import_price_eur_per_mwh=[300, 200, 300, 300])
    steps = run(tariff, [[6], [-6], [-6], [6], [0], [0]])
    names = "imported_kwh", "exported_kwh", "cost_eur"
    found = {name: [float(step[name][0]) for step in steps] for name in names}
    # By hand: 0.5 kWh, netted to 0, then 0.5 kWh exported at 80; 0.5 kWh imported at 200 EUR/MWh.
    np.testing.assert_allclose(found["imported_kwh"], [0.5, 0, 0, 0.5, 0.5, 0.5], atol=1e-12)
    np.testing.assert_allclose(found["exported_kwh"], [0, 0, 0.5, 0.5, 0.5, 0.5], atol=1e-12)
    np.testing.assert_allclose(found["cost_eur"], [0.15, 0, -0.04, 0.06, 0.06, 0.06], atol=1e-12)


@given(arrays(float, (12, 2), elements=st.floats(-20, 20)))
def test_a_community_never_pays_more_than_its_houses(power_kw: FloatArray) -> None:
    alone = run(tariff_of(), power_kw)[-1]
    together = run(tariff_of(settles="community"), power_kw)[-1]
    assert float(together["cost_eur"]) <= alone["cost_eur"].sum() + 1e-9
    # However it is metered, energy is conserved.
    net_kwh = power_kw.sum() / 12
    for bill in (alone, together):
        difference = bill["imported_kwh"].sum() - bill["exported_kwh"].sum()
        assert difference == pytest.approx(net_kwh, abs=1e-9)


@given(
    power_kw=arrays(float, (12, 2), elements=st.floats(-20, 20)),
    prices=arrays(float, (4,), elements=st.floats(-100, 500)),
    margin=st.floats(0, 300),
)
def test_the_cost_is_that_of_the_powers(
    power_kw: FloatArray, prices: FloatArray, margin: float
) -> None:
    tariff = tariff_of(
        import_price_eur_per_mwh=(prices + margin).tolist(),
        export_price_eur_per_mwh=prices.tolist(),
    )
    energy_kwh = power_kw.reshape(4, 3, 2).sum(axis=1) / 12
    price = np.where(energy_kwh > 0, (prices + margin)[:, np.newaxis], prices[:, np.newaxis])
    expected_eur = (energy_kwh * price).sum(axis=0) / 1000
    np.testing.assert_allclose(run(tariff, power_kw)[-1]["cost_eur"], expected_eur, atol=1e-9)


def test_prices_are_told_one_step_ahead() -> None:
    tariff = tariff_of(import_price_eur_per_mwh=[300, 200, 250, 260], step_size="15min")
    steps = [tariff.initial_outputs(), *run(tariff, np.zeros((4, 2)))]
    # After the end of the run there is no further price.
    assert [float(s["import_price_eur_per_mwh"]) for s in steps] == [300, 200, 250, 260, 260]
    assert {float(s["export_price_eur_per_mwh"]) for s in steps} == {80}


def test_what_is_recorded() -> None:
    each = {port.name: (port.recorded, port.shape) for port in tariff_of().ports[1:]}
    assert each == {
        "imported_kwh": (True, (2,)),
        "exported_kwh": (True, (2,)),
        "cost_eur": (True, (2,)),
        "import_price_eur_per_mwh": (False, ()),
        "export_price_eur_per_mwh": (False, ()),
    }
    community = tariff_of(settles="community")
    assert {port.shape for port in community.ports[1:]} == {()}
    outputs = {**community.initial_outputs(), **run(community, [[1, 2]])[0]}
    assert all(values.shape == () for values in outputs.values())


class TestPrices:
    def test_by_time_of_day(self) -> None:
        tariff = tariff_of(
            context_of(duration_s=10 * 3600),
            import_price_eur_per_mwh={"22:00": 240, "07:00": 320, "16:20": 400},
            settlement_period="1h",
        )
        # By hand from 15:00: until 16:20 at 320, then 400, from 22:00 on 240, also after midnight;
        # the hour from 16:00 has a third at 320 and two thirds at 400.
        expected = [320, 320 / 3 + 800 / 3, 400, 400, 400, 400, 400, 240, 240, 240]
        np.testing.assert_allclose(tariff.import_price_eur_per_mwh, expected, rtol=1e-12)

    def test_times_of_day_are_those_of_the_clocks(self) -> None:
        # Clocks go forward at 02:00 on 28 March 2021, so that 06:00 is 5 h after midnight.
        tariff = tariff_of(
            context_of(
                start=datetime(2021, 3, 28, tzinfo=ZoneInfo("Europe/Berlin")),
                duration_s=8 * 3600,
            ),
            import_price_eur_per_mwh={"00:00": 100, "06:00": 200},
            settlement_period="1h",
        )
        np.testing.assert_allclose(tariff.import_price_eur_per_mwh, [100] * 5 + [200] * 3)

    def test_one_time_of_day_is_one_price(self) -> None:
        tariff = tariff_of(import_price_eur_per_mwh={"06:00": 250})
        np.testing.assert_allclose(tariff.import_price_eur_per_mwh, [250] * 4)

    def test_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "prices.csv").write_text("time_s,bought,sold\n0,300,90\n1800,-20,-30\n")
        tariff = tariff_of(
            context_of(folders=(tmp_path,)),
            import_price_eur_per_mwh={"file": "prices.csv", "column": "bought"},
            export_price_eur_per_mwh={"file": "prices.csv", "column": "sold"},
        )
        assert tariff.import_price_eur_per_mwh.tolist() == [300, 300, -20, -20]
        assert tariff.export_price_eur_per_mwh.tolist() == [90, 90, -30, -30]

    def test_a_period_cut_short_has_the_mean_of_what_it_has(self) -> None:
        tariff = tariff_of(
            context_of(duration_s=4500),
            import_price_eur_per_mwh={"15:00": 300, "16:05": 360, "16:15": 999},
            settlement_period="1h",
        )
        # By hand: of the quarter of an hour from 16:00 a third is at 300, the rest at 360.
        np.testing.assert_allclose(tariff.import_price_eur_per_mwh, [300, 340])

    def test_ahead(self) -> None:
        tariff = tariff_of(import_price_eur_per_mwh=[300, 200, 250, 260])
        bought, sold = tariff.prices_ahead(600, 3, 900)
        # By hand: a third of each period and two thirds of the next.
        np.testing.assert_allclose(bought, [700 / 3, 700 / 3, 770 / 3])
        np.testing.assert_allclose(sold, [80, 80, 80])

    def test_ahead_of_the_end_the_last_price_goes_on(self) -> None:
        tariff = tariff_of(import_price_eur_per_mwh=[300, 200, 250, 260])
        bought, _ = tariff.prices_ahead(2700, 4, 1800)
        np.testing.assert_allclose(bought, [260] * 4)
        np.testing.assert_allclose(tariff.prices_ahead(90_000, 1, 60)[0], [260])

    @given(start=st.integers(0, 3600), interval_s=st.integers(1, 5000))
    def test_the_means_keep_the_integral(self, start: int, interval_s: int) -> None:
        tariff = tariff_of(import_price_eur_per_mwh=[300, 200, 250, 260])
        halves = tariff.prices_ahead(start, 6, interval_s)[0].reshape(3, 2).mean(axis=1)
        np.testing.assert_allclose(halves, tariff.prices_ahead(start, 3, 2 * interval_s)[0])


class TestRefusals:
    @pytest.mark.parametrize(
        ("bought", "sold", "period"),
        [
            (300, 301, "0s"),
            (-10, -5, "0s"),
            ([300, 300, 70, 300], 80, "30min"),
            ({"15:00": 300, "15:45": 50}, 80, "45min"),
        ],
    )
    def test_export_that_earns_more_than_import_costs(
        self, bought: Any, sold: Any, period: str
    ) -> None:
        with pytest.raises(ScenarioError, match=f"begins {period} after the start") as caught:
            tariff_of(import_price_eur_per_mwh=bought, export_price_eur_per_mwh=sold)
        assert caught.value.problems[0].key == ("export_price_eur_per_mwh",)

    @pytest.mark.parametrize(("bought", "sold"), [(300, 300), (-5, -10), (0, 0)])
    def test_equal_and_negative_prices_are_fine(self, bought: float, sold: float) -> None:
        tariff_of(import_price_eur_per_mwh=bought, export_price_eur_per_mwh=sold)

    @pytest.mark.parametrize(
        ("price", "key", "message"),
        [
            ([300, 200], (), "2 values for 4 settlement periods"),
            ({"file": "none.csv"}, ("file",), "file 'none.csv' does not exist"),
            ({"file": "short.csv"}, (), "the profile is shorter than the run"),
            ({"file": "short.csv", "column": "p"}, (), "no column for p"),
        ],
    )
    def test_prices_that_do_not_reach_the_end(
        self, tmp_path: Path, price: Any, key: tuple[str, ...], message: str
    ) -> None:
        (tmp_path / "short.csv").write_text("time_s,price_eur_per_mwh\n0,1\n900,1\n")
        with pytest.raises(ScenarioError, match=message) as caught:
            tariff_of(context_of(folders=(tmp_path,)), import_price_eur_per_mwh=price)
        assert caught.value.problems[0].key == ("import_price_eur_per_mwh", *key)

    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            ({"step_size": "7min"}, "settlement_period 15min is not a multiple of step_size 7min"),
            ({"settles": "village"}, "'each' or 'community'"),
            ({"import_price_eur_per_mwh": {}}, "at least 1 item"),
            ({"import_price_eur_per_mwh": []}, "at least 1 item"),
            ({"import_price_eur_per_mwh": {"7 am": 300}}, "valid time format"),
            ({"import_price_eur_per_mwh": {"07:00": "dear"}}, "valid number"),
            ({"import_price_eur_per_mwh": "dear"}, "valid number"),
            ({"import_price_eur_per_mwh": float("inf")}, "finite number"),
            ({"import_price_eur_per_mwh": {"file": "x.csv", "colum": "y"}}, "Extra inputs"),
        ],
    )
    def test_keys_that_do_not_fit(self, keys: dict[str, Any], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            tariff_of(**keys)

    def test_unknown_customers(self) -> None:
        with pytest.raises(ScenarioError, match="'h3' is not a connection point"):
            tariff_of(at=["h3"])


def test_several_tariffs_do_not_disturb_each_other(
    record_of: Callable[..., dict[str, xr.Dataset]],
) -> None:
    devices = {
        "load": {"type": "load", "at": ["load1"], "profile": {"generator": "household"}},
        "pv": {"type": "load", "at": ["load2"], "profile": {"constant_kw": -2}},
    }
    prices = {"import_price_eur_per_mwh": {"12:00": 300, "12:30": 400}}
    tariff = {"type": TYPE, "export_price_eur_per_mwh": 80, **prices}
    recorded = record_of(
        {
            **devices,
            "each": tariff,
            "community": {**tariff, "settles": "community"},
            "one_house": {**tariff, "at": ["load2"]},
        }
    )
    # From the recorded powers: four periods of three steps of 5 min.
    power_kw = np.hstack([recorded[name]["power_kw"].to_numpy() for name in devices])
    energy_kwh = power_kw.reshape(4, 3, 2).sum(axis=1) / 12
    bought = np.array([300, 300, 400, 400])

    def cost_eur(net_kwh: FloatArray) -> float:
        price = np.where(net_kwh > 0, bought, 80)
        return float((net_kwh * price).sum() / 1000)

    houses_eur = [cost_eur(energy_kwh[:, 0]), cost_eur(energy_kwh[:, 1])]
    np.testing.assert_allclose(recorded["each"]["cost_eur"][-1], houses_eur, atol=1e-12)
    np.testing.assert_allclose(
        recorded["community"]["cost_eur"][-1], cost_eur(energy_kwh.sum(axis=1)), atol=1e-12
    )
    np.testing.assert_allclose(recorded["one_house"]["cost_eur"][-1], houses_eur[1:], atol=1e-12)
    np.testing.assert_allclose(recorded["each"]["tariff_import_eur_per_mwh"], bought)
    assert recorded["each"]["customer"].to_numpy().tolist() == ["load1", "load2"]

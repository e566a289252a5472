"""Channels that lose and delay: every run ends with something sane, and nobody is short."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

LOSSY = {"loss": 0.2, "drop_out": 0.3, "latency_s": 0.3}
INTERVAL_H, STEPS = 0.25, 16
FLEXIBLE = ("pv", "battery", "ev", "v2g", "heat_pump", "washer")


def require_promises(found: dict[str, Any]) -> None:
    """Departures after 3 and 4 h, jobs within 3 h, comfort, and the batteries' energy."""
    ev, v2g = found["ev/state_of_charge"], found["v2g/state_of_charge"]
    assert min(ev[11, 0], ev[15, 1], ev[15, 2], v2g[15, 0]) >= 0.7 - 1e-6
    done_kwh = found["washer/power_kw"].sum(axis=0) * INTERVAL_H
    np.testing.assert_allclose(done_kwh, [1.5, 2.0], atol=1e-9)
    low_c = found["heat_pump/temperature_limit_low_c"][:, np.newaxis]
    assert (found["heat_pump/indoor_temperature_c"] >= low_c - 1e-6).all()


def cost_eur(found: dict[str, Any]) -> float:
    return float(found["community/cost_eur"][-1])


@pytest.fixture(scope="session")
def deaf(tmp_path_factory: pytest.TempPathFactory, community_type: Any) -> Any:
    """A run in which nobody hears anybody."""
    made = community_type(tmp_path_factory.mktemp("deaf"), Path())
    return made.run(made.scenario(channel={"drop_out": 1.0}))


@pytest.mark.parametrize(
    "keys",
    [
        {"channel": LOSSY},
        {"channel": LOSSY, "patience": None},
        pytest.param({"channel": {"latency_s": 1.0}, "patience": None}, marks=pytest.mark.slow),
        pytest.param({"channel": {"loss": 0.6}, "patience": 2}, marks=pytest.mark.slow),
    ],
    ids=["patient", "impatient", "late", "deafening"],
)
def test_a_bad_channel_costs_less_than_none_saves(
    community: Any, plain: Any, deaf: Any, keys: dict[str, Any]
) -> None:
    """Between what is paid with a perfect one and what is paid without any, give or take 3 %."""
    found = community.run(community.scenario(**keys))
    assert len(found["drive/negotiation_rounds"]) == STEPS
    assert found["drive/negotiation_rounds"].max() <= 200
    require_promises(found)
    best_eur, worst_eur = cost_eur(plain), cost_eur(deaf)
    assert worst_eur > best_eur + 0.5
    assert 0.97 * best_eur <= cost_eur(found) <= worst_eur + 0.03 * best_eur


def test_with_three_of_ten_away_most_is_still_saved(community: Any, plain: Any, deaf: Any) -> None:
    found = community.run(community.scenario(channel={"drop_out": 0.3}))
    saved = (cost_eur(deaf) - cost_eur(found)) / (cost_eur(deaf) - cost_eur(plain))
    assert saved > 0.5


def test_nobody_listens(deaf: Any) -> None:
    """Requests are repeated ten times; then all do what they scheduled, and keep promises."""
    messages = deaf["drive/messages"]
    assert (messages == 11.0).all()
    assert np.isnan(deaf["drive/order_power_kw"]).all()
    assert np.isfinite(deaf["drive/net_order_kw"]).all()
    assert np.isfinite(deaf["drive/net_price_eur_per_mwh"]).all()
    scheduled_kw = deaf["battery_agent/scheduled_power_kw"]
    np.testing.assert_allclose(deaf["battery/power_kw"], scheduled_kw, atol=1e-9)
    require_promises(deaf)


def test_a_coordinator_that_is_cut_off_midway(community: Any, monkeypatch: Any) -> None:
    """From the second hour on nobody is there: orders of before go on, and keep promises."""
    from gridloom.controllers.negotiation.channel import Channel

    opened = list[int]()
    plain_open = Channel.open

    def open_for_an_hour(channel: Channel) -> None:
        plain_open(channel)
        opened.append(1)
        if len(opened) > 4:
            channel._present = np.zeros_like(channel._present)

    monkeypatch.setattr(Channel, "open", open_for_an_hour)
    found = community.run(community.scenario())
    assert len(opened) == STEPS
    orders_kw = found["drive/order_power_kw"]
    assert np.isfinite(orders_kw[:4, 0]).all()
    assert np.isnan(orders_kw[4:]).all()
    require_promises(found)
    stored_kwh = found["battery/stored_energy_kwh"]
    np.testing.assert_allclose(stored_kwh[-1], 4.0, atol=0.05)
    # Batteries do what the last order of the first hour says for the hours after.
    last_order_kw = orders_kw[3]
    names = sorted(
        ["battery_agent"] * 2
        + ["ev_agent"] * 3
        + ["heat_agent"] * 2
        + ["load_agent"]
        + ["pv_agent"] * 3
        + ["v2g_agent"]
        + ["washer_agent"] * 2
    )
    rows = [row for row, name in enumerate(names) if name == "battery_agent"]
    np.testing.assert_allclose(
        found["battery/power_kw"][4:].T, last_order_kw[rows, 1:13], atol=1e-6
    )

"""A community of six houses on two feeders: its scenario, its runs, and what happened within."""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.controllers.drive.coordinator import Drive
from gridloom.scenarios.composer import Surroundings, simulate
from gridloom.scenarios.composition import Composition, compose, located
from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.supervision.blueprint import Blueprint
from gridloom.scenarios.supervision.placing import configs, models_elsewhere
from gridloom.scenarios.supervision.supervisor import Supervisor
from gridloom.simulators.model import FloatArray

Trace: TypeAlias = dict[str, FloatArray]
"""By model and signal, as in `drive/messages`: (step, ...)."""
Keys: TypeAlias = dict[str, Any]

HOUSES = ("h1", "h2", "h3", "h4", "h5", "h6")
INTERVAL_H = 0.25
RATED_KVA = {"trafo": 26.0, "north": 15.0, "south": 15.0, "weak": 7.0}
"""Of the hand-made network, at 0.4 kV."""
IMPORT_EUR_PER_MWH = {"00:00": 280, "09:00": 400, "10:00": 180, "11:00": 360}
EXPORT_EUR_PER_MWH = 80
FLEXIBLE = ("pv", "battery", "ev", "v2g", "heat_pump", "washer")
DEVICES = ("load", *FLEXIBLE)


def _vehicle(point: str, arrival: str, departure: str, arrives_with: float) -> Keys:
    return {
        "charging_point": point,
        "arrival": arrival,
        "departure": departure,
        "arrival_state_of_charge": arrives_with,
        "required_state_of_charge": 0.7,
    }


def _job(point: str, release: str, deadline: str, energy_kwh: float) -> Keys:
    return {
        "connection_point": point,
        "release": release,
        "deadline": deadline,
        "energy_kwh": energy_kwh,
        "rated_power_kw": 2.0,
    }


def simulators() -> dict[str, Keys]:
    """Return the devices, on a morning from eight on, and the community's tariff."""
    booked = {"resolution": "15min", "bookings": True}
    vehicles = {"energy_capacity_kwh": 20, "rated_power_kw": 7, "forecast": booked}
    sunny = {
        "generator": "widen_munkhammar",
        "latitude_deg": 48.1,
        "longitude_deg": 11.6,
        "resolution": "1min",
    }
    error = {"resolution": "15min", "relative_error_std": 0.2, "error_correlation_time": "1h"}
    return {
        "load": {
            "type": "load",
            "at": list(HOUSES),
            "profile": {"generator": "household"},
            "scale": 2.0,
            "forecast": error,
            "short_term": {"interval": "15min"},
        },
        "pv": {
            "type": "pv",
            "at": ["h1", "h4", "h5"],
            "area_m2": 30,
            "inverter_power_kw": 6,
            "curtailable": True,
            "irradiance": sunny,
            "forecast": error,
            "short_term": {"interval": "15min"},
        },
        "battery": {
            "type": "storage",
            "at": ["h2", "h5"],
            "energy_capacity_kwh": 8,
            "rated_power_kw": 4,
            "throughput_cost_eur_per_mwh": 10,
        },
        "ev": {
            "type": "ev_fleet",
            "at": ["h1", "h3", "h4"],
            "sessions": [
                _vehicle("h1", "0s", "3h", 0.2),
                _vehicle("h3", "40min", "4h", 0.3),
                _vehicle("h4", "30min", "4h", 0.2),
            ],
            **vehicles,
        },
        "v2g": {
            "type": "ev_fleet",
            "at": ["h6"],
            "v2g": True,
            "sessions": [_vehicle("h6", "20min", "4h", 0.5)],
            **vehicles,
        },
        "heat_pump": {
            "type": "heat_pump",
            "at": ["h2", "h3"],
            "rated_power_kw": 3,
            "outdoor_temperature": {"generator": "diurnal_ar1", "mean_c": 4},
            "forecast": "perfect",
        },
        "washer": {
            "type": "deferrable_load",
            "at": ["h4", "h6"],
            "jobs": [_job("h4", "0s", "3h", 1.5), _job("h6", "1h", "3h", 2.0)],
            "forecast": booked,
        },
        "community": {
            "type": "tariff",
            "at": list(HOUSES),
            "settles": "community",
            "import_price_eur_per_mwh": IMPORT_EUR_PER_MWH,
            "export_price_eur_per_mwh": EXPORT_EUR_PER_MWH,
        },
    }


def controllers(**drive: Any) -> dict[str, Keys]:
    """Return an agent for each population of devices, and the coordinator with these keys."""
    quarter = {"step_size": "15min"}
    return {
        "load_agent": {"type": "inflexible_agent", "controls": "load", **quarter},
        "pv_agent": {"type": "drive_pv_agent", "controls": "pv", **quarter},
        "battery_agent": {"type": "drive_storage_agent", "controls": "battery", **quarter},
        "ev_agent": {"type": "drive_ev_agent", "controls": "ev", **quarter},
        "v2g_agent": {"type": "drive_ev_agent", "controls": "v2g", **quarter},
        "heat_agent": {"type": "drive_heat_pump_agent", "controls": "heat_pump", **quarter},
        "washer_agent": {"type": "drive_deferrable_load_agent", "controls": "washer", **quarter},
        "drive": {"type": "drive", "controls": "community", **quarter, **drive},
    }


@pytest.fixture
def two_feeders_net() -> Any:
    """A copy of the hand-made network that the test may change."""
    return network()


def network() -> Any:
    """Return a transformer with two feeders; in the south a weak line leads to the last house.

    `north` leads to h1, h2 and h3; `south` to h4, h5 and, through `weak`, h6.
    """
    import pandapower

    net = pandapower.create_empty_network()
    high = pandapower.create_bus(net, vn_kv=20.0, name="high")
    low = pandapower.create_bus(net, vn_kv=0.4, name="low")
    pandapower.create_ext_grid(net, high, vm_pu=1.0)
    pandapower.create_transformer_from_parameters(
        net,
        high,
        low,
        sn_mva=RATED_KVA["trafo"] / 1e3,
        vn_hv_kv=20.0,
        vn_lv_kv=0.4,
        vkr_percent=1.5,
        vk_percent=4.0,
        pfe_kw=0.1,
        i0_percent=0.2,
        name="trafo",
    )
    bus = {"low": low}

    def line(name: str, begin: str, end: str) -> None:
        bus[end] = pandapower.create_bus(net, vn_kv=0.4, name=end)
        pandapower.create_line_from_parameters(
            net,
            bus[begin],
            bus[end],
            length_km=0.05,
            r_ohm_per_km=0.2,
            x_ohm_per_km=0.08,
            c_nf_per_km=0.0,
            max_i_ka=RATED_KVA[name] / (np.sqrt(3) * 0.4) / 1e3,
            name=name,
        )

    line("north", "low", "n")
    line("south", "low", "s")
    line("weak", "s", "w")
    for house, at in zip(HOUSES, "nnnssw", strict=True):
        pandapower.create_load(net, bus[at], p_mw=0.0, name=house)
    return net


class Community:
    """Scenarios of the community in a folder of its own."""

    def __init__(self, folder: Path, net_file: Path) -> None:
        self.folder = folder
        self.net_file = net_file

    def scenario(self, *, grid: bool = False, **keys: Any) -> Keys:
        """Return a scenario of four hours; with a grid it takes power flows, and has limits.

        Args:
            grid: whether the houses are in the hand-made network.
            keys: of the scenario, and of the coordinator those it does not know.
        """
        of_scenario = {"seed", "duration", "fuse", "step_size"}
        drive = {name: value for name, value in keys.items() if name not in of_scenario}
        grids = {"grid": {"type": "grid", "network": {"file": str(self.net_file)}}}
        return {
            "name": "community",
            "start": "2021-03-22T08:00:00Z",
            "duration": "4h",
            "step_size": "15min",
            "simulators": {**(grids if grid else {}), **simulators()},
            "controllers": controllers(**drive),
            **{name: value for name, value in keys.items() if name in of_scenario},
        }

    @staticmethod
    def foreseen(scenario: Keys) -> Keys:
        """Change a scenario so that everybody expects what will come."""
        for name in ("load", "pv"):
            keys = scenario["simulators"][name]
            keys["forecast"] = {"resolution": "15min"}
            keys["short_term"] = {"interval": "15min", "method": "known"}
        return scenario

    def composed(self, scenario: Keys, *overrides: str) -> Composition:
        """Build and couple the scenario's models."""
        path = self.folder / "community.yaml"
        path.write_text(json.dumps(scenario, indent=1), encoding="utf-8")
        document = read_scenario(path, overrides)
        return compose(document, document.scenario())

    def drive(self, scenario: Keys) -> Drive:
        """Return the coordinator, as it is before the first step."""
        made = self.composed(scenario).models["drive"]
        assert isinstance(made, Drive)
        return made

    def run(self, scenario: Keys) -> Trace:
        """Run a scenario; return all that its models sent."""
        path = self.folder / "community.yaml"
        path.write_text(json.dumps(scenario, indent=1), encoding="utf-8")
        document = read_scenario(path)
        read = document.scenario()
        composition = compose(document, read)
        supervisor = Supervisor()
        blueprint = Blueprint(
            scenario=read, folders=composition.folders, points=composition.connection_points
        )
        rows: defaultdict[str, list[FloatArray]] = defaultdict(list)

        def sink(time: int, outputs: Mapping[str, Mapping[str, FloatArray]]) -> None:
            for model, arrays in outputs.items():
                for signal, array in arrays.items():
                    rows[f"{model}/{signal}"].append(array.copy())

        with located(document, read):
            models, couplings = composition.models, composition.couplings
            around = Surroundings(
                supervisor=supervisor,
                elsewhere=models_elsewhere(models, couplings, blueprint, supervisor),
                limits_s={n: float(c.step_timeout) for n, (_, c) in configs(read).items()},
                fuse=read.fuse,
            )
            simulate(models, couplings, read.duration_s, sink, around)
        assert not any(remote.complaint for remote in around.elsewhere.values())
        return {name: np.array(arrays) for name, arrays in rows.items()}


@pytest.fixture(scope="session")
def two_feeders_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import pandapower

    path = tmp_path_factory.mktemp("net") / "two_feeders.json"
    pandapower.to_json(network(), str(path))
    return path


@pytest.fixture
def community(tmp_path: Path, two_feeders_file: Path, monkeypatch: pytest.MonkeyPatch) -> Community:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Community(tmp_path, two_feeders_file)


@pytest.fixture(scope="session")
def foreseen(tmp_path_factory: pytest.TempPathFactory, two_feeders_file: Path) -> Any:
    """Runs in the network with perfect forecasts, by variant: `community` and `congestion`."""
    made = Community(tmp_path_factory.mktemp("foreseen"), two_feeders_file)
    keys: dict[str, Keys] = {"community": {}, "congestion": {"congestion": {"points": "all"}}}
    return {
        name: made.run(made.foreseen(made.scenario(grid=True, **given)))
        for name, given in keys.items()
    }


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, two_feeders_file: Path) -> Trace:
    """The community service without a grid, by default keys: what others are compared with."""
    made = Community(tmp_path_factory.mktemp("plain"), two_feeders_file)
    return made.run(made.scenario())


@pytest.fixture(scope="session")
def community_type() -> type[Community]:
    """See `Community`."""
    return Community


@pytest.fixture(scope="session")
def differing() -> Any:
    """Return which signals of two runs are not the same to the last bit."""

    def names(ours: Trace, theirs: Trace) -> list[str]:
        assert ours.keys() == theirs.keys()
        return [
            name
            for name, values in ours.items()
            if values.shape != theirs[name].shape or values.tobytes() != theirs[name].tobytes()
        ]

    return names

"""A small record, made by hand, of which every number is known."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pytest
import xarray as xr

from gridloom.scenarios.results.record import RowOfSteps, columns_of
from gridloom.scenarios.results.record.layout import MODEL_STEP_SIZE, STEP_SIZE
from gridloom.simulators import signals, thermal_signals
from gridloom.simulators.model import Dimension, Direction, ElementSet, Port
from gridloom.simulators.signals import Signal, Statistic

ROWS = 1200
"""20 min in steps of 1 s: two settlement periods of 10 min."""
START = np.datetime64("2021-03-24T15:00:00", "ns")
SCENARIO = {
    "name": "street",
    "title": "Four houses",
    "description": "A street.",
    "variant": "basic",
    "start": "2021-03-24T16:00:00+01:00",
    "duration": "20min",
    "seed": 7,
}
ATTRIBUTES = {
    "title": "Four houses",
    "scenario_name": "street",
    "variant": "basic",
    "scenario": json.dumps(SCENARIO),
    "seed": "7",
    "created": "2021-03-25T08:00:00+00:00",
    "gridloom_version": "0.1.0",
    "dependencies": json.dumps({"numpy": "2.0.0"}),
    "platform": "test",
    "git_revision": "abc123",
    "digest": "0123456789",
    "wall_time_s": 3.25,
    "wall_time_grid_s": 1.5,
}
HOUSES = ["H1", "H2", "H3", "H4"]


def _group(variables: Mapping[str, Any], step_s: int = 1, **attributes: str) -> xr.Dataset:
    time = START + np.arange(0, ROWS, step_s) * np.timedelta64(1, "s")
    return xr.Dataset(
        {**variables, "time": ("time", time)},
        attrs={"role": "simulator", "step_size_s": step_s, **attributes},
    )


def grid_group(phases: tuple[str, ...] = ("balanced",), *, coordinates: bool = True) -> xr.Dataset:
    """A feeder of six buses: S (11 kV), then B1-B2-B3 and branches B4, B5 of B2.

    L12 is rated 65 A and carries 70 A from 100 s to 190 s (90 s), 80 A at 150 s, else 40 A; with
    three phases only the last one does, the others carry 30 A. All other lines carry 20 A of
    100 A, or of an unknown rating (L25).
    """
    buses = ["S", "B1", "B2", "B3", "B4", "B5"]
    current = np.full((ROWS, 4, len(phases)), 20.0)
    current[:, 0, :] = 30.0
    current[:, 0, -1] = 40.0
    current[100:190, 0, -1] = 70.0
    current[150, 0, -1] = 80.0
    voltage = np.full((ROWS, 6, len(phases)), 1.0)
    voltage[300:330, 3, -1] = 0.89
    voltage[:, 1, :] = 1.05
    x = [0.0, 1.0, 2.0, 3.0, 2.0, 2.0]
    y = [0.0, 0.0, 0.0, 0.0, 1.0, -1.0]
    return _group(
        {
            "line_current_a": (("time", "line", "phase"), current),
            "bus_voltage_pu": (("time", "bus", "phase"), voltage),
            "slack_power_kw": ("time", np.where(np.arange(ROWS) == 150, 30.0, 8.0)),
            "line": ["L12", "L23", "L24", "L25"],
            "bus": buses,
            "phase": list(phases),
            "connection_point": HOUSES,
            "line_rated_current_a": ("line", [65.0, 100.0, 100.0, np.nan]),
            "line_from_bus": ("line", [1, 2, 2, 2]),
            "line_to_bus": ("line", [2, 3, 4, 5]),
            "transformer": ["T1"],
            "transformer_hv_bus": ("transformer", [0]),
            "transformer_lv_bus": ("transformer", [1]),
            "bus_x": ("bus", x if coordinates else np.full(6, np.nan)),
            "bus_y": ("bus", y if coordinates else np.full(6, np.nan)),
            "bus_nominal_voltage_kv": ("bus", [11.0, 0.4, 0.4, 0.4, 0.4, 0.4]),
            "connection_point_bus": ("connection_point", [2, 3, 4, 5]),
            "voltage_limit_low_pu": 0.9,
            "voltage_limit_high_pu": 1.1,
        },
        model_type="grid",
    )


def load_group() -> xr.Dataset:
    """Each house draws 1 kW."""
    power = (("time", "house"), np.ones((ROWS, 4)))
    return _group({"power_kw": power, "house": HOUSES}, model_type="load")


def pv_group() -> xr.Dataset:
    """Each plant feeds in 0.5 kW; one row a minute."""
    power = (("time", "plant"), np.full((ROWS // 60, 4), -0.5))
    return _group({"power_kw": power, "plant": HOUSES}, step_s=60, model_type="pv")


def ev_group() -> xr.Dataset:
    """Two vehicles leave at 600 s: H1 with 0.72 of the required 0.7, H2 with 0.65; H3 stays."""
    charge = np.full((ROWS, 4), np.nan)
    charge[:600, 0] = np.linspace(0.5, 0.72, 600)
    charge[:600, 1] = np.linspace(0.5, 0.65, 600)
    charge[:, 2] = 0.6
    return _group(
        {
            "power_kw": (("time", "charging_point"), np.where(np.isnan(charge), 0.0, 5.0)),
            "state_of_charge": (("time", "charging_point"), charge),
            "charging_point": HOUSES,
            "session_charging_point": ("session", [0, 1, 2]),
            "session_arrival_s": ("session", [0.0, 0.0, 0.0]),
            "session_departure_s": ("session", [600.0, 600.5, 7200.0]),
            "session_arrival_state_of_charge": ("session", [0.5, 0.5, 0.6]),
            "session_required_state_of_charge": ("session", [0.7, 0.7, 0.7]),
            "session_energy_capacity_kwh": ("session", [30.0, 30.0, 30.0]),
        },
        model_type="ev_fleet",
    )


def market_group() -> xr.Dataset:
    """2 kWh short at 100 EUR/MWh, then 1 kWh surplus at 80 EUR/MWh: 0.20 - 0.08 = 0.12 EUR."""
    running = np.concatenate([np.linspace(0, 2.0, 601)[1:], np.linspace(0, -1.0, 601)[1:]])
    return _group(
        {
            "imbalance_kwh": ("time", running),
            "position_kw": ("time", np.full(ROWS, 6.0)),
            "period_start_s": ("settlement_period", [0, 600]),
            "period_stop_s": ("settlement_period", [600, 1200]),
            "imbalance_price_shortage_eur_per_mwh": ("settlement_period", [100.0, 120.0]),
            "imbalance_price_surplus_eur_per_mwh": ("settlement_period", [90.0, 80.0]),
        },
        model_type="imbalance_market",
    )


def controller_group() -> xr.Dataset:
    """A controller that has nothing recorded but its information set."""
    return xr.Dataset(
        attrs={
            "role": "controller",
            "model_type": "basic",
            "step_size_s": 1,
            "information_set": "sessions_plugged_in",
        }
    )


RecordBuilder = Callable[..., xr.DataTree]


@pytest.fixture(scope="session")
def build_record() -> RecordBuilder:
    """Make a record of the parts that are asked for, all by default; attributes can be replaced."""

    def build(
        *parts: str,
        phases: tuple[str, ...] = ("balanced",),
        coordinates: bool = True,
        **attributes: Any,
    ) -> xr.DataTree:
        groups = {
            "grid": grid_group(phases, coordinates=coordinates),
            "load": load_group(),
            "pv": pv_group(),
            "ev": ev_group(),
            "market": market_group(),
            "charging": controller_group(),
        }
        chosen = {name: group for name, group in groups.items() if not parts or name in parts}
        root = xr.Dataset({"run_status": np.int8(1)}, attrs={**ATTRIBUTES, **attributes})
        return xr.DataTree.from_dict({"/": root, **chosen})

    return build


HOUR_S = 3600
_AGENTS = {
    "wind": "inflexible_agent",
    "dg": "generator_agent",
    "ess": "storage_agent",
}
DG_KW = [[-180.0, -260.0], [-210.0, -340.0], [-190.0, -280.0], [-200.0, -300.0]]


def _hours(variables: Mapping[str, Any], model_type: str, step_s: int = HOUR_S) -> xr.Dataset:
    """Return a group of a record over four hours."""
    time = START + np.arange(0, 4 * HOUR_S, step_s) * np.timedelta64(1, "s")
    role = "controller" if model_type.endswith("agent") or model_type == "mcu" else "simulator"
    return xr.Dataset(
        {**variables, "time": ("time", time)},
        attrs={"role": role, "model_type": model_type, "step_size_s": step_s},
    )


def _agent(model_type: str, scheduled_kw: Any) -> xr.Dataset:
    rows = np.tile(np.asarray(scheduled_kw, dtype=float), (4, 1))
    return _hours({"scheduled_power_kw": (("time", "agent"), rows)}, model_type)


def _microgrid(unrepresented_kw: float) -> dict[str, xr.Dataset]:
    """Four hours of an MCU with wind, two generators and a storage; see `build_negotiated`."""
    wind_kw = np.repeat([-1100.0, -950.0, -1100.0, -1000.0], 2) + np.tile([40.0, -40.0], 4)
    periods = {
        "period_start_s": [0, 3600, 7200, 10800],
        "period_stop_s": [3600, 7200, 10800, 14400],
        "day_ahead_price_eur_per_mwh": [50.0, 60.0, 50.0, 40.0],
        "imbalance_price_shortage_eur_per_mwh": [80.0, 90.0, 70.0, 60.0],
        "imbalance_price_surplus_eur_per_mwh": [40.0, 30.0, 30.0, 20.0],
    }
    return {
        "wind": _hours(
            {"power_kw": (("time", "plant"), np.column_stack([wind_kw * 0.4, wind_kw * 0.6]))},
            "wind",
            step_s=1800,
        ),
        "dg": _hours(
            {
                "power_kw": (("time", "generator"), np.array(DG_KW)),
                "generation_min_kw": ("generator", [0.0, 0.0]),
                "generation_max_kw": ("generator", [400.0, 400.0]),
                "marginal_cost_eur_per_mwh": (
                    ("generator", "cost_block"),
                    [[50.0, 80.0], [50.0, 80.0]],
                ),
            },
            "generator",
        ),
        "ess": _hours(
            {
                "power_kw": (("time", "storage"), np.array([[140.0], [100.0], [130.0], [100.0]])),
                "throughput_cost_eur_per_mwh": ("storage", [5.0]),
            },
            "storage",
        ),
        "market": _hours(
            {
                "position_kw": ("time", np.full(4, -1400.0 + 0.8 * unrepresented_kw)),
                "imbalance_kwh": (
                    "time",
                    np.array([0.0, 0.0, -40.0, 0.0]) + 0.2 * unrepresented_kw,
                ),
                **{name: ("settlement_period", values) for name, values in periods.items()},
            },
            "energy_market",
        ),
    }


def _mcu() -> xr.Dataset:
    told = {
        "bonus_eur_per_mwh": [10.0, 20.0, 40.0, 0.0],
        "local_buying_price_eur_per_mwh": [70.0, 50.0, 30.0, 60.0],
        "local_selling_price_eur_per_mwh": [70.0, 50.0, 30.0, 60.0],
        "expected_surplus_kw": [100.0, -50.0, 100.0, 0.0],
        "remaining_surplus_kw": [0.0, 0.0, 40.0, 0.0],
        "negotiation_rounds": [5.0, 3.0, 2.0, 1.0],
    }
    return _hours({name: ("time", values) for name, values in told.items()}, "mcu")


@pytest.fixture(scope="session")
def build_negotiated() -> RecordBuilder:
    """Make the record of four hours of an MCU, of which every number is known.

    Wind is scheduled at -1000 kW, two generators at -200 and -300 kW, a storage at 100 kW. Hour 1:
    100 kW surplus, bonus 10, consumed by generators (60) and storage (40). Hour 2: 50 kW shortage,
    bonus 20, made up for by generators. Hour 3: 100 kW surplus, bonus at its cap of 40, generators
    and storage take 30 each, 40 kWh are sold. Hour 4: all as scheduled.

    Loads that no agent speaks for draw `unrepresented_kw`, of which 80 % were bought. The imbalance
    that the market sees can be multiplied by a factor, to make runs that cost differently.
    """

    def build(
        variant: str = "bisection",
        *,
        rule: str = "bisection",
        unrepresented_kw: float = 0.0,
        imbalance: float = 1.0,
    ) -> xr.DataTree:
        groups = _microgrid(unrepresented_kw)
        groups["market"]["imbalance_kwh"] *= imbalance
        if unrepresented_kw:
            load_kw = (("time", "house"), np.full((4, 1), unrepresented_kw))
            groups["load"] = _hours({"power_kw": load_kw}, "load")
        controllers: dict[str, Any] = {
            f"{name}_agent": {"type": model_type, "controls": name}
            for name, model_type in _AGENTS.items()
        }
        groups |= {
            "wind_agent": _agent("inflexible_agent", [-1000.0]),
            "dg_agent": _agent("generator_agent", [-200.0, -300.0]),
            "ess_agent": _agent("storage_agent", [100.0]),
            "mcu": _mcu(),
        }
        controllers["mcu"] = {"type": "mcu", "controls": "market", "rule": rule}
        scenario = SCENARIO | {"duration": "4h", "variant": variant, "controllers": controllers}
        attributes = ATTRIBUTES | {"variant": variant, "scenario": json.dumps(scenario)}
        root = xr.Dataset({"run_status": np.int8(1)}, attrs=attributes | {"digest": variant})
        return xr.DataTree.from_dict({"/": root, **groups})

    return build


QUARTER_S = 900
NETS = ["community", "trafo", "A", "trafo, other"]


def _quarters(
    variables: Mapping[str, Any], model_type: str, step_s: int = QUARTER_S, role: str = "simulator"
) -> xr.Dataset:
    """Return a group of a record over four quarters of an hour."""
    time = START + np.arange(0, 4 * QUARTER_S, step_s) * np.timedelta64(1, "s")
    return xr.Dataset(
        {**variables, "time": ("time", time)},
        attrs={"role": role, "model_type": model_type, "step_size_s": step_s},
    )


def _drive() -> xr.Dataset:
    """Nets: A (H1, H2; 4 kW) and the rest (H3) within trafo (10 kW), within the community."""
    trafo, feeder = np.array([4.0, 10.0, 8.0, -1.0]), np.array([2.0, 4.0, 3.0, 2.0])
    congestion = np.zeros((4, 4))
    congestion[:, 1], congestion[:, 2] = [0, 40, 20, -8], [0, 100, 0, 0]
    price = np.array([80.0, 200, 250, 80])
    nets = [price, price + congestion[:, 1], price + congestion.sum(axis=1), price]
    prognosis = [[3.0, 15, 12, -12], [3, 15, 12, -12], [2, 7, 3, 2], [1, 8, 9, -14]]
    by_round = np.full((3, 4, 6), np.nan)
    by_round[0, :, 0], by_round[1, :, 0] = 2.0, 1.0  # residual and change of the first round
    by_round[0, 0, 1:4], by_round[1, 0, 1:4] = [1.0, 0.5, 0.1], [0.8, 0.4, 0.2]
    by_round[2, :, 1], by_round[2, 0] = 0.002, [np.nan] * 4 + [0.3, np.nan]
    limit = [np.inf, 10.0, 4.0, np.inf]
    return _quarters(
        {
            "negotiation_rounds": ("time", [12.0, 3.0, 5.0, 3.0]),
            "net_price_eur_per_mwh": (
                ("time", "nested_net", "interval_ahead_s"),
                np.stack([np.array(nets).T, np.full((4, 4), 999.0)], axis=2),
            ),
            "planned_power_kw": (
                ("time", "nested_net"),
                np.column_stack([trafo, trafo, feeder, trafo - feeder]),
            ),
            "congestion_price_eur_per_mwh": (("time", "nested_net"), congestion),
            "prognosis_power_kw": (("time", "nested_net"), np.array(prognosis).T),
            "certified_gap": ("time", [0.01, 0.002, np.nan, 0.004]),
            "planned_overload_kw": ("time", [0.0, 0.3, 0.0, 0.0]),
            "round_residual_kw": (("time", "round"), by_round[0]),
            "round_change_kw": (("time", "round"), by_round[1]),
            "round_gap": (("time", "round"), by_round[2]),
            "nested_net": NETS,
            "limit_kw": ("nested_net", limit),
            "parent": ("nested_net", [-1, 0, 1, 1]),
            "connection_point": ["H1", "H2", "H3"],
            "net_of_connection_point": ("connection_point", [2, 2, 3]),
        },
        "drive",
        role="controller",
    )


def _tariff(factor: float) -> xr.Dataset:
    return _quarters(
        {
            "cost_eur": ("time", factor * np.array([0.5, 1.0, 1.5, 2.0])),
            "period_start_s": ("settlement_period", [0, 900, 1800, 2700]),
            "period_stop_s": ("settlement_period", [900, 1800, 2700, 3600]),
            "tariff_import_eur_per_mwh": ("settlement_period", [300.0, 250, 250, 300]),
            "tariff_export_eur_per_mwh": ("settlement_period", [80.0, 80, 80, 80]),
        },
        "tariff",
    )


def _heat_pumps() -> xr.Dataset:
    """Two buildings, limits 20 and 22 degrees: the second is once 0.4 K too cold."""
    return _quarters(
        {
            "power_kw": (("time", "heat_pump"), np.zeros((4, 2))),
            "heat_pump": ["H1", "H3"],
            "indoor_temperature_c": (
                ("time", "heat_pump"),
                [[20.5, 21.0], [20.4, 20.2], [20.3, 19.6], [20.2, 20.0]],
            ),
            "temperature_limit_low_c": ("time", np.full(4, 20.0)),
            "temperature_limit_high_c": ("time", np.full(4, 22.0)),
            "outdoor_temperature_c": ("time", [5.0, 4.0, 3.0, 2.0]),
        },
        "heat_pump",
    )


@pytest.fixture(scope="session")
def build_district() -> RecordBuilder:
    """Make the record of a district over four quarters of an hour, of which all is known.

    Into A flow 2, 5, 3, 2 kW, into trafo 4, 12, 8, -1 kW; planned were 2, 4, 3, 2 and 4, 10, 8, -1.
    H4 belongs to no net and draws 7 kW. Costs at the tariff are 2 EUR times a factor.
    """

    def build(
        variant: str = "congestion", *, cost: float = 1.0, algorithm: str = "tree_sharing"
    ) -> xr.DataTree:
        houses = np.tile([[0.0, 1.0, 2.5, 7.0], [2.0, 1.0, 1.5, 7.0]], (4, 1))
        vehicles = np.array([[0.0, 0.0], [3.0, 5.0], [1.0, 3.0], [0.0, -5.0]])
        groups = {
            "load": _quarters(
                {
                    "power_kw": (("time", "load"), houses),
                    "load": ["H1", "H2", "H3", "H4"],
                },
                "load",
                step_s=450,
            ),
            "ev": _quarters(
                {
                    "power_kw": (("time", "charging_point"), vehicles),
                    "charging_point": ["c1", "c2"],
                    "charging_point_connection_point": ("charging_point", ["H1", "H3"]),
                },
                "ev_fleet",
            ),
            "heat_pump": _heat_pumps(),
            "tariff": _tariff(cost),
        }
        controllers: dict[str, Any] = {"ev_agent": {"type": "basic", "controls": "ev"}}
        if variant != "uncontrolled":
            groups["drive"] = _drive()
            controllers["drive"] = {"type": "drive", "controls": "tariff", "algorithm": algorithm}
        scenario = SCENARIO | {"duration": "1h", "variant": variant, "controllers": controllers}
        attributes = ATTRIBUTES | {"variant": variant, "scenario": json.dumps(scenario)}
        root = xr.Dataset({"run_status": np.int8(1)}, attrs=attributes | {"digest": variant})
        return xr.DataTree.from_dict({"/": root, **groups})

    return build


_SIGNALS = {
    signal.name: signal
    for module in (signals, thermal_signals)
    for signal in vars(module).values()
    if isinstance(signal, Signal)
}
Coarsen: TypeAlias = Callable[..., xr.DataTree]


def _port(rows: xr.DataArray) -> Port:
    _, *dimensions = (str(dimension) for dimension in rows.dims)
    names = {kind: tuple(rows[kind].to_numpy().astype(str)) for kind in dimensions}
    kind = next(iter(names), None)
    return Port(
        signal=_SIGNALS[str(rows.name)],
        direction=Direction.OUTPUT,
        elements=None if kind is None else ElementSet(kind=kind, owner="x", names=names[kind]),
        dimensions=tuple(Dimension(name=name, labels=names[name]) for name in dimensions[1:]),
    )


def _rows_of_steps(
    steps: xr.Dataset, length_s: int, statistics: Iterable[Statistic] | None
) -> xr.Dataset:
    """Put the steps of a model together as the recorder does."""
    step_s = int(steps.attrs[STEP_SIZE])
    ports = [_port(steps[name]) for name in steps.data_vars if "time" in steps[name].dims]
    columns = [
        column
        for port in ports
        for column in columns_of(
            port, port.signal.statistics if statistics is None else statistics, step_s
        )
    ]
    row = RowOfSteps("x", columns, step_s=step_s, length_s=length_s)
    values = {port.name: steps[port.name].to_numpy() for port in ports}
    rows = [
        row.close()
        for step in range(steps.sizes["time"])
        if row.take(step * step_s, {name: value[step] for name, value in values.items()})
    ]
    recorded = {
        column.port.name: (steps[column.output].dims, np.array([r[column.port.name] for r in rows]))
        for column in columns
    }
    others = [name for name in steps.variables if "time" not in steps[name].dims]
    starts = steps["time"].to_numpy()[:: length_s // step_s][: len(rows)]
    return xr.Dataset(
        {**recorded, **{name: steps[name] for name in others}, "time": ("time", starts)},
        attrs={**steps.attrs, STEP_SIZE: length_s, MODEL_STEP_SIZE: step_s},
    )


@pytest.fixture(scope="session")
def coarsen() -> Coarsen:
    """Return the record of the same run with rows that cover several steps."""

    def coarsened(
        record: xr.DataTree,
        length_s: int,
        *,
        statistics: Iterable[Statistic] | None = None,
        dropped: Iterable[str] = (),
    ) -> xr.DataTree:
        """Put steps together.

        Args:
            record: a row each step.
            length_s: seconds that a row covers; longer steps stay rows.
            statistics: of every signal; None for its own.
            dropped: variables that are not in the record.
        """
        groups = {"/": record.to_dataset()}
        for name, node in record.children.items():
            steps = node.to_dataset(inherit=False)
            has_rows = "time" in steps and int(steps.attrs[STEP_SIZE]) < length_s
            rows = _rows_of_steps(steps, length_s, statistics) if has_rows else steps
            groups[name] = rows.drop_vars(dropped, errors="ignore")
        return xr.DataTree.from_dict(groups)

    return coarsened

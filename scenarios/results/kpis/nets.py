"""What was planned for the nets of a district, and what then flowed into them.

A record tells it if one of its controllers (`drive`) tells planned powers and limits of nets, and
which connection points belong to them. Everything here is an array, so that what is computed of it
needs no record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.drive.signals import (
    CERTIFIED_GAP,
    CONGESTION_PRICE,
    NET_PRICE,
    PLANNED_OVERLOAD,
    PLANNED_POWER,
    PROGNOSIS,
    ROUND_CHANGE,
    ROUND_GAP,
    ROUND_RESIDUAL,
)
from gridloom.controllers.negotiation.signals import ROUNDS
from gridloom.scenarios.results.kpis.decisions import controllers_of
from gridloom.scenarios.results.kpis.interval_means import means_between
from gridloom.scenarios.results.recording import Recording, parts_of
from gridloom.simulators.model import FloatArray, IntArray
from gridloom.simulators.quantities import SECONDS_PER_HOUR
from gridloom.simulators.signals import POWER

if TYPE_CHECKING:
    import xarray as xr

_POINT = "connection_point"
_TOLD = tuple(
    signal.name
    for signal in (
        CERTIFIED_GAP,
        CONGESTION_PRICE,
        NET_PRICE,
        PLANNED_OVERLOAD,
        PLANNED_POWER,
        PROGNOSIS,
        ROUND_CHANGE,
        ROUND_GAP,
        ROUND_RESIDUAL,
        ROUNDS,
    )
)
_STATIC = ("limit_kw", "parent", _POINT, "net_of_connection_point")


@dataclass(frozen=True, kw_only=True)
class PlannedNets:
    """All negotiations of a run, one an interval, and the nets that they were about."""

    coordinator: str
    controls: str
    """The tariff that is paid; '' where the scenario does not say."""
    start: np.datetime64
    """UTC, when the run began."""
    edges_s: FloatArray
    """(interval + 1,), since the start; the last one is cut short where the run ends."""
    tree: NetTree
    """The nets and their limits, which hold in both directions."""
    prognosis_kw: FloatArray
    """(net, interval), planned before limits were looked at; NaN where nobody asked. Like all
    powers of nets it is what flows into the net, load convention."""
    planned_kw: FloatArray
    """(net, interval), negotiated right before the interval."""
    measured_kw: FloatArray
    """(net, interval), mean of all devices in the net; losses are not part of it. NaN where the
    record lacks the power of devices that took part, or has it as means over other times."""
    price_eur_per_mwh: FloatArray
    """(net, interval)."""
    congestion_price_eur_per_mwh: FloatArray
    """(net, interval), what the limit of the net adds to the price below it."""
    rounds: FloatArray
    """(negotiation,), like all that follows."""
    certified_gap: FloatArray
    """Share of the plan's cost; NaN where nobody could tell."""
    planned_overload_kw: FloatArray
    round_residual_kw: FloatArray
    """(negotiation, round), NaN in rounds that asked for the bound, and after the last."""
    round_change_kw: FloatArray
    """(negotiation, round), likewise."""
    round_gap: FloatArray
    """(negotiation, round), NaN but in rounds that asked for the bound."""

    @property
    def edges(self) -> NDArray[np.datetime64]:
        """(interval + 1,), UTC."""
        edges: NDArray[np.datetime64] = self.start + self.edges_s.astype("timedelta64[s]")
        return edges

    @property
    def hours(self) -> FloatArray:
        """(interval,), lengths."""
        hours: FloatArray = np.diff(self.edges_s) / SECONDS_PER_HOUR
        return hours

    @property
    def limited(self) -> IntArray:
        """(net with a limit,), places."""
        return np.flatnonzero(np.isfinite(self.tree.import_limit_kw))

    @property
    def limit_kw(self) -> FloatArray:
        """(net,), infinite where there is none."""
        return self.tree.import_limit_kw

    @property
    def is_measured(self) -> bool:
        """Whether it is known what flowed into the nets."""
        return bool(np.isfinite(self.measured_kw).all())

    @property
    def highest_kw(self) -> FloatArray:
        """(net,), highest flow in either direction that was expected, planned or measured."""
        flows_kw = np.stack([self.prognosis_kw, self.planned_kw, self.measured_kw])
        highest_kw: FloatArray = np.fmax.reduce(np.abs(flows_kw), axis=(0, 2))
        return highest_kw

    def most_loaded(self, count: int) -> list[int]:
        """Return the nets with limits that come nearest to them, or go farthest beyond."""
        share = self.highest_kw[self.limited] / self.limit_kw[self.limited]
        return [int(net) for net in self.limited[np.argsort(-share, kind="stable")[:count]]]


def planned_nets_of(record: "xr.DataTree") -> PlannedNets | None:
    """Return the nets that a record tells of, or None; of several coordinators the first counts."""
    controllers = controllers_of(record)
    leader = next((c for c in controllers if all(n in c for n in (*_TOLD, *_STATIC))), None)
    if leader is None:
        return None
    parts = parts_of(record)
    meters = parts.devices
    end_s = min(len(each.start) * each.step_s for each in (leader, *meters))
    count = -(-end_s // leader.step_s)
    edges_s = np.minimum(np.arange(count + 1.0) * leader.step_s, end_s)
    limit_kw = leader.values("limit_kw")
    tree = NetTree(
        names=tuple(leader.names("nested_net")),
        parent=leader.values("parent").astype(np.int64),
        import_limit_kw=limit_kw,
        export_limit_kw=limit_kw,
    )
    config = parts.scenario.get("controllers", {})
    controls = str(config.get(leader.name, {}).get("controls", ""))
    needed = {each.get("controls") for each in config.values()} - {controls}
    measured_kw = _measured_kw(leader, tree, meters, edges_s)
    known = {meter.name for meter in meters if meter.divides(leader.step_s)}
    if (needed | {meter.name for meter in meters}) - known:
        measured_kw = np.full_like(measured_kw, np.nan)
    told = {name: leader.values(name)[:count] for name in _TOLD if name != NET_PRICE.name}
    prices = leader.rows[NET_PRICE.name][:count, :, 0]  # those of later intervals are not needed
    return PlannedNets(
        coordinator=leader.name,
        controls=controls,
        start=leader.start[0],
        edges_s=edges_s,
        tree=tree,
        measured_kw=measured_kw,
        prognosis_kw=told[PROGNOSIS.name].T,
        planned_kw=told[PLANNED_POWER.name].T,
        price_eur_per_mwh=np.asarray(prices.to_numpy(), dtype=np.float64).T,
        congestion_price_eur_per_mwh=told[CONGESTION_PRICE.name].T,
        rounds=told[ROUNDS.name],
        certified_gap=told[CERTIFIED_GAP.name],
        planned_overload_kw=told[PLANNED_OVERLOAD.name],
        round_residual_kw=told[ROUND_RESIDUAL.name],
        round_change_kw=told[ROUND_CHANGE.name],
        round_gap=told[ROUND_GAP.name],
    )


def _measured_kw(
    leader: Recording, tree: NetTree, meters: Sequence[Recording], edges_s: FloatArray
) -> FloatArray:
    """Return what flowed into every net, means: (net, interval)."""
    nets = leader.values("net_of_connection_point").astype(np.int64)
    leaf_of = dict(zip(leader.names(_POINT), tree.leaf_number[nets].tolist(), strict=True))
    drawn_kw = np.zeros((len(edges_s) - 1, len(tree.leaves)))
    for meter in meters:
        leaves, power_kw = _by_leaf(meter, leaf_of)
        if len(leaves):
            drawn_kw[:, leaves] += means_between(power_kw, meter.step_s, edges_s)
    return tree.flows_kw(drawn_kw.T)


def _by_leaf(meter: Recording, leaf_of: Mapping[str, int]) -> tuple[IntArray, FloatArray]:
    """Return the leaves that devices of a model are in, and their power there: (time, leaf)."""
    kind = str(meter.rows[POWER.name].dims[1])
    told = f"{kind}_connection_point"
    points = meter.names(told) if told in meter else meter.names(kind)
    leaf = np.array([leaf_of.get(point, -1) for point in points], dtype=np.int64)
    inside = np.argsort(leaf, kind="stable")[np.count_nonzero(leaf < 0) :]
    leaves, begins = np.unique(leaf[inside], return_index=True)
    if not len(leaves):
        return leaves, np.zeros((0, 0))
    sums = [
        np.add.reduceat(np.nan_to_num(block[:, inside]), begins, axis=1)
        for block in meter.blocks(POWER.name)
    ]
    return leaves, np.concatenate(sums)

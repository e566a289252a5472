"""Writes a network as an OpenDSS circuit, in memory.

Balanced: a single-phase circuit of the positive sequence, phase to neutral, a third of all powers.
Unbalanced: three phases with the zero-sequence parameters of the network, neutrals grounded.
Buses that closed switches join are one bus; what has no supply is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.connectivity import fused_buses, source_buses, source_rows
from gridloom.simulators.grid.impedances import (
    line_impedance_ohm,
    source_impedance_ohm,
    source_voltage_pu,
)
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.pandapower_net import supplied_branches
from gridloom.simulators.grid.tables import column, in_service
from gridloom.simulators.opendss.background import background_kva
from gridloom.simulators.opendss.circuit import NOWHERE, Circuit
from gridloom.simulators.opendss.session import (
    CONSTANT_POWER_PU,
    open_session,
    prepare,
    refusal,
    run,
)
from gridloom.simulators.opendss.transformers import Transformers, shunt_command
from gridloom.simulators.opendss.unsupported import refuse_unwritable, unwritable

_IDEAL_SOURCE_VA = 1e14
"""Short-circuit power that stands for an ideal source: 10 MW move its voltage by 1e-7 pu."""
_BRANCHES = {"line": ("from_bus", "to_bus"), "trafo": ("hv_bus", "lv_bus")}


def write_circuit(network: Network, *, unbalanced: bool) -> Circuit:
    """Write a network and have OpenDSS compile it.

    Raises:
        ScenarioError: dss-python is not installed, or the network has what is not written.
    """
    refuse_unwritable(network)
    writer = _Writer(network, unbalanced=unbalanced)
    session = open_session("engine")
    session.Text.Command = f"Set DefaultBaseFrequency={float(network.net.f_hz)}"
    try:
        run(session, writer.commands())
        prepare(session)
        session.ActiveCircuit.Solution.Solve()
    except refusal() as error:
        raise ScenarioError(unwritable(str(error).strip().splitlines()[0])) from error
    return writer.circuit(session)


@dataclass
class _Branches:
    """Where the branches of one table end, NOWHERE at an open switch."""

    ends: NDArray[np.int64]
    """(branch, 2), buses."""
    live: NDArray[np.bool_]
    """(branch,), in service and supplied."""


class _Writer:
    def __init__(self, network: Network, *, unbalanced: bool) -> None:
        self._network = network
        self._unbalanced = unbalanced
        self._phases = 3 if unbalanced else 1
        self._node = fused_buses(network.net)
        self._supplied = _supplied(network)
        self._lines = self._branches("line")
        self._trafos = self._branches("trafo")
        points = network.connection_points
        self._with_load = np.flatnonzero(self._supplied[points.bus])
        self._transformers: list[tuple[str, ...]] = [()] * len(network.net.trafo)
        self._shunt_sides: dict[str, int] = {}

    def commands(self) -> Iterator[str]:
        """Yield all commands in order; `circuit` may be called after the last."""
        yield from self._source_commands()
        yield from self._line_commands()
        yield from self._transformer_commands()
        yield from self._shunt_commands()
        yield from self._load_commands()
        yield from self._background_commands()

    def circuit(self, session: Any) -> Circuit:
        """Return the compiled circuit."""
        place = {name: position for position, name in enumerate(session.ActiveCircuit.YNodeOrder)}
        numbers = range(1, self._phases + 1)
        bus_nodes = np.array(
            [
                [place.get(f"B{node}.{number}", NOWHERE) for number in numbers]
                for node in self._node
            ],
            dtype=np.int64,
        ).reshape(-1, self._phases)
        bus_nodes[~self._supplied] = NOWHERE
        points = self._network.connection_points
        loads = np.zeros(len(points.names), dtype=np.int64)
        loads[self._with_load] = 1 + np.arange(len(self._with_load))
        nominal_v = 1e3 * self._network.bus_nominal_voltage_kv / np.sqrt(3)
        return Circuit(
            session=session,
            bus_nodes=bus_nodes,
            bus_nominal_v=nominal_v,
            loads=loads,
            lines=tuple(f"line.l{row}" if on else "" for row, on in enumerate(self._lines.live)),
            transformers=tuple(self._transformers),
            shunt_sides=self._shunt_sides,
            others=(),
        )

    def _branches(self, table: str) -> _Branches:
        """Return ends and supply; NOWHERE where a switch is open."""
        net, columns = self._network.net, _BRANCHES[table]
        ends = np.stack([net.bus.index.get_indexer(net[table][end]) for end in columns], axis=1)
        switches = net.switch[(net.switch["et"] == table[0]) & ~net.switch["closed"].astype(bool)]
        row = net[table].index.get_indexer(switches["element"])
        bus = net.bus.index.get_indexer(switches["bus"])
        for side in (0, 1):
            opened = row[ends[row, side] == bus]
            ends[opened, side] = NOWHERE
        live = supplied_branches(self._network, table, columns, self._supplied)
        return _Branches(ends=ends, live=live)

    def _bus(self, bus: int, dangling: str) -> str:
        """Return OpenDSS's name of a bus, or that of the open end of a branch."""
        return dangling if bus == NOWHERE else f"b{self._node[bus]}"

    def _nodes(self, phase: str = "abc") -> str:
        if not self._unbalanced:
            return ".1"
        return "".join(f".{1 + 'abc'.index(each)}" for each in phase)

    def _phase_kv(self, bus: int, phases: int) -> float:
        """Return the voltage between phases of three, else phase to neutral."""
        kv = float(self._network.bus_nominal_voltage_kv[bus])
        return kv if phases > 1 else kv / float(np.sqrt(3))

    def _source_commands(self) -> Iterator[str]:
        net = self._network.net
        grids, slacks = source_rows(net)
        angle = [*column(grids, "va_degree"), *np.zeros(len(slacks))]
        impedance = source_impedance_ohm(net)
        for number, bus in enumerate(source_buses(net)):
            kv = float(self._network.bus_nominal_voltage_kv[bus])
            resistance, reactance = (float(part) for part in impedance[:, number])
            reactance = reactance or (1e3 * kv) ** 2 / _IDEAL_SOURCE_VA
            head = "New Vsource.s" if number else "New Circuit.grid"
            yield (
                f"{head}{number or ''} bus1={self._bus(int(bus), '')}{self._nodes()} "
                f"phases={self._phases} basekv={self._phase_kv(int(bus), self._phases)} "
                f"pu={float(source_voltage_pu(net)[number])} angle={float(angle[number])} "
                f"r1={resistance} x1={reactance} r0={resistance} x0={reactance}"
            )

    def _line_commands(self) -> Iterator[str]:
        lines = self._network.net.line
        positive, parallel = line_impedance_ohm(self._network.net), column(lines, "parallel")
        length = column(lines, "length_km")
        parallel = np.where(parallel > 0, parallel, 1.0)
        zero = positive
        charging = [column(lines, "c_nf_per_km") * length * parallel] * 2
        if self._unbalanced:
            zero = np.stack([column(lines, f"{part}0_ohm_per_km") for part in "rx"])
            zero = zero * length / parallel
            charging[1] = column(lines, "c0_nf_per_km") * length * parallel
        for row in np.flatnonzero(self._lines.live):
            one, other = (int(end) for end in self._lines.ends[row])
            values = {
                "r1": positive[0, row],
                "x1": positive[1, row],
                "r0": zero[0, row],
                "x0": zero[1, row],
                "c1": charging[0][row],
                "c0": charging[1][row],
            }
            told = " ".join(f"{name}={float(value)}" for name, value in values.items())
            yield (
                f"New Line.l{row} phases={self._phases} "
                f"bus1={self._bus(one, f'l{row}open0')}{self._nodes()} "
                f"bus2={self._bus(other, f'l{row}open1')}{self._nodes()} length=1 {told}"
            )

    def _transformer_commands(self) -> Iterator[str]:
        writer = Transformers(self._network, unbalanced=self._unbalanced)
        for row in np.flatnonzero(self._trafos.live):
            high, low = (
                self._bus(int(bus), f"t{row}open{side}")
                for side, bus in enumerate(self._trafos.ends[row])
            )
            parts = list(writer.commands(int(row), high, low))
            self._transformers[row] = tuple(name for name, _, _ in parts)
            self._shunt_sides |= {name: side for name, side, _ in parts if side is not None}
            yield from (command for _, _, command in parts)

    def _shunt_commands(self) -> Iterator[str]:
        net = self._network.net
        shunts = in_service(net, "shunt")
        buses = net.bus.index.get_indexer(shunts["bus"])
        steps = column(shunts, "step")[:, np.newaxis]
        power = 1e3 * steps * np.stack([column(shunts, c) for c in ("p_mw", "q_mvar")], axis=1)
        kv = column(shunts, "vn_kv") / (1.0 if self._unbalanced else np.sqrt(3))
        for number in np.flatnonzero(self._supplied[buses] & power.any(axis=1)):
            at = f"{self._bus(int(buses[number]), '')}{self._nodes()}"
            share = power[number] if self._unbalanced else power[number] / 3
            yield shunt_command(
                f"reactor.shunt{number}", at, "wye", self._phases, float(kv[number]), share
            )

    def _load_commands(self) -> Iterator[str]:
        points = self._network.connection_points
        for row in self._with_load:
            phase = points.phase[row] if self._unbalanced else "a"
            yield self._load(f"p{row}", int(points.bus[row]), phase, 0j)

    def _background_commands(self) -> Iterator[str]:
        if not self._network.keeps_background:
            return
        drawn = background_kva(self._network, unbalanced=self._unbalanced)
        for bus, phase in zip(*np.nonzero(drawn), strict=True):
            if self._supplied[bus]:
                yield self._load(
                    f"g{bus}p{phase}", int(bus), "abc"[phase], complex(drawn[bus, phase])
                )

    def _load(self, name: str, bus: int, phase: str, power_kva: complex) -> str:
        low, high = CONSTANT_POWER_PU
        return (
            f"New Load.{name} bus1={self._bus(bus, '')}{self._nodes(phase)} phases={len(phase)} "
            f"kv={self._phase_kv(bus, len(phase))} kw={power_kva.real} kvar={power_kva.imag} "
            f"model=1 conn=wye vminpu={low} vlowpu={low} vmaxpu={high}"
        )


def _supplied(network: Network) -> NDArray[np.bool_]:
    """Return which buses are in service and reached by an external grid: (bus,)."""
    from pandapower.topology import unsupplied_buses

    net = network.net
    off = net.bus.index[~net.bus["in_service"].astype(bool)]
    dark = [*unsupplied_buses(net), *off]
    supplied: NDArray[np.bool_] = ~np.isin(network.bus_index, dark)
    return supplied

"""Two-winding transformers of a pandapower net in OpenDSS's words."""

import re
from collections.abc import Iterator

import numpy as np

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.grid.impedances import transformer_impedance_pu, transformer_ratio_pu
from gridloom.simulators.grid.network import Network
from gridloom.simulators.grid.tables import column, tap_offset
from gridloom.simulators.model import FloatArray
from gridloom.simulators.opendss.unsupported import unwritable

_GROUP = re.compile(r"(D|YN|Y)(d|yn|y)\d*")
_NODES = {0: ".1.2.3", 4: ".3.1.2", 8: ".2.3.1"}
"""Nodes of the low-voltage winding that turn a vector group by so many hours."""
_UNGROUNDED = ".4"
"""The neutral of a star is a node of its own; otherwise OpenDSS grounds it."""
_SHIFT_PER_HOUR = 30.0


class Transformers:
    """Writes the transformers of one network, each with its magnetising shunts.

    As in power-grid-model, a transformer is a pi: one half of the magnetising admittance lies at
    either side, the series impedance between.
    """

    def __init__(self, network: Network, *, unbalanced: bool) -> None:
        trafo = network.net.trafo
        self._unbalanced = unbalanced
        self._trafo = trafo
        parallel = column(trafo, "parallel")
        self._units = np.where(parallel > 0, parallel, 1.0)
        self._kva = 1e3 * column(trafo, "sn_mva") * self._units
        self._impedance_pu = transformer_impedance_pu(network.net, self._kva)
        kv = network.bus_nominal_voltage_kv
        self._low_kv = kv[network.transformer_lv_bus]
        ratio = transformer_ratio_pu(network.net)
        self._high_kv = kv[network.transformer_hv_bus] / ratio
        at_low = (trafo["tap_side"] == "lv").to_numpy() if "tap_side" in trafo else False
        offset = tap_offset(trafo) * column(trafo, "tap_step_percent") / 100
        self._magnetising_kv = column(trafo, "vn_lv_kv") * (1 + at_low * offset)

    def commands(self, row: int, high: str, low: str) -> Iterator[tuple[str, int | None, str]]:
        """Yield (full name, side or None for both, command) of all that makes up one of them.

        Args:
            row: place in the table.
            high: OpenDSS's name of the high-voltage bus.
            low: that of the low-voltage bus.
        """
        high_conn, low_conn, high_nodes, low_nodes, lead_lag = self._connection(row)
        phases, root = (3, 1.0) if self._unbalanced else (1, np.sqrt(3))
        high_kv, low_kv = self._high_kv[row] / root, self._low_kv[row] / root
        kva = self._kva[row] / (1 if self._unbalanced else 3)
        resistance, reactance = 100 * self._impedance_pu[:, row]
        floats = _UNGROUNDED in high_nodes + low_nodes or low_conn == "delta"
        name = f"transformer.t{row}"
        command = (
            f"New {name} phases={phases} windings=2 buses=[{high}{high_nodes} {low}{low_nodes}] "
            f"conns=[{high_conn} {low_conn}] kvs=[{high_kv} {low_kv}] kvas=[{kva} {kva}] "
            f"xhl={reactance} %rs=[{resistance / 2} {resistance / 2}] leadlag={lead_lag} "
            f"%noloadloss=0 %imag=0 ppm_antifloat={int(floats)}"
        )
        yield name, None, command
        magnetising_kw, magnetising_kvar = self._magnetising(row)
        if magnetising_kw == 0 and magnetising_kvar == 0:
            return
        to_low = self._low_kv[row] / self._magnetising_kv[row]
        for side, (bus, nodes, conn, kv) in enumerate(
            (
                (high, high_nodes, high_conn, high_kv / to_low),
                (low, low_nodes, low_conn, low_kv / to_low),
            )
        ):
            shunt = f"reactor.t{row}s{side}"
            half = np.array([magnetising_kw, magnetising_kvar]) / 2 / (1 if phases > 1 else 3)
            at = f"{bus}{nodes.removesuffix(_UNGROUNDED)}"
            yield shunt, side, shunt_command(shunt, at, conn, phases, kv, half)

    def _magnetising(self, row: int) -> tuple[float, float]:
        """Return active and reactive power without load, kW and kvar, at rated voltage."""
        loss_kw = float((column(self._trafo, "pfe_kw") * self._units)[row])
        power_kva = float(column(self._trafo, "i0_percent")[row]) / 100 * float(self._kva[row])
        return loss_kw, float(np.sqrt(max(power_kva**2 - loss_kw**2, 0.0)))

    def _connection(self, row: int) -> tuple[str, str, str, str, str]:
        """Return connections and nodes of both windings, and who leads.

        Raises:
            ScenarioError: OpenDSS has no transformer of this vector group and shift.
        """
        if not self._unbalanced:
            return "wye", "wye", ".1", ".1", "lag"
        group = str(self._trafo["vector_group"].iloc[row])
        found = _GROUP.fullmatch(group)
        shift = float(column(self._trafo, "shift_degree")[row])
        hours = round(shift / _SHIFT_PER_HOUR)
        if found is None or abs(shift - hours * _SHIFT_PER_HOUR) > 1e-6:  # noqa: PLR2004 -- rounding
            raise ScenarioError(unwritable(f"vector group {group}, shift {shift:g} degrees"))
        high, low = found.groups()
        if {high, low} in ({"Y", "yn"}, {"YN", "y"}, {"Y", "y"}):
            raise ScenarioError(unwritable(f"vector group {group} three-phase, a floating star"))
        mixed = (high == "D") != (low == "d")
        base = {1: (1, "lag"), 3: (11, "lead")}[hours % 4] if mixed and hours % 2 else (0, "lag")
        turned = (hours - base[0]) % 12
        if turned not in _NODES or mixed != bool(hours % 2):
            raise ScenarioError(unwritable(f"vector group {group}, shift {shift:g} degrees"))
        ends = [
            {"D": ("delta", ""), "YN": ("wye", ""), "Y": ("wye", _UNGROUNDED)}[end.upper()]
            for end in (high, low)
        ]
        return (
            ends[0][0],
            ends[1][0],
            _NODES[0] + ends[0][1],
            _NODES[turned] + ends[1][1],
            base[1],
        )


def shunt_command(name: str, bus: str, conn: str, phases: int, kv: float, power: FloatArray) -> str:
    """Return the command for a shunt of constant impedance.

    Args:
        name: full name, of class reactor.
        bus: with its nodes.
        conn: 'wye' or 'delta'.
        phases: 1 or 3.
        kv: voltage of the rating: phase to neutral of one phase, else between phases.
        power: kW and kvar of all phases together.
    """
    active, reactive = 1e-3 * power
    # of one branch; a star of three has a third of the power at 1/sqrt(3) of the voltage
    square = kv**2 * (3 if conn == "delta" else 1)
    head = f"New {name} bus1={bus} phases={phases} conn={conn}"
    if active and reactive:
        return f"{head} r=0 x={square / reactive} rp={square / active}"
    if active:
        return f"{head} r={square / active} x=0"
    return f"{head} r=0 x={square / reactive}"

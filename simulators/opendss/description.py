"""Describes a compiled circuit as a pandapower net: what the record and planners ask of a grid.

The description has positive-sequence impedances and is not solved; OpenDSS solves the circuit.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from gridloom.simulators.grid.config import GridConfig
from gridloom.simulators.grid.engine import PHASES, ComplexArray
from gridloom.simulators.grid.network import network_of
from gridloom.simulators.model import BuildContext
from gridloom.simulators.opendss.file import (
    PHASE_NUMBERS,
    DssNetwork,
    compile_script,
    element,
    end_bus,
    line_names,
    loads_in_service,
    other_branches,
    transformer_names,
)
from gridloom.simulators.opendss.script import Script, read_script

_KM_PER_UNIT = (1.0, 1.609344, 0.3048, 1.0, 1e-3, 0.3048e-3, 2.54e-5, 1e-5, 1e-6)
"""By OpenDSS's code of a length's unit: none (taken as km), mi, kft, km, m, ft, in, cm, mm."""
_ROOT = float(np.sqrt(3))

_Row: TypeAlias = Mapping[str, Any]
"""What a function of pandapower wants to know of one element, by argument."""


def read_circuit(config: GridConfig, context: BuildContext) -> DssNetwork:
    """Read the circuit file that a scenario names.

    Raises:
        ScenarioError: the file does not exist, OpenDSS cannot use it, or an override names what it
            does not have; keys are relative to the grid's configuration.
    """
    script = read_script(context.file(config.network.file or "", "network", "file"))
    session = compile_script(script)
    describer = _Describer(session.ActiveCircuit, script)
    network = network_of(describer.net(), line_ratings_a=config.line_ratings_a)
    points = replace(network.connection_points, phase=describer.load_phases())
    return DssNetwork(**{**vars(network), "connection_points": points}, script=script)


class _Describer:
    """Reads a circuit element by element, in OpenDSS's order."""

    def __init__(self, circuit: Any, script: Script) -> None:
        self._circuit, self._script = circuit, script
        self._place = {name: place for place, name in enumerate(circuit.AllBusNames)}
        self._kv = {
            name: _ROOT * circuit.Buses(place).kVBase for name, place in self._place.items()
        }

    def net(self) -> Any:
        """Return the pandapower net: a bus's index is its place among OpenDSS's buses."""
        import pandapower

        circuit = self._circuit
        net = pandapower.create_empty_network(f_hz=float(circuit.Solution.Frequency))
        names = [self._script.spelled(name) for name in self._place]
        pandapower.create_buses(net, len(names), vn_kv=list(self._kv.values()), name=names)
        net.bus["geo"] = [self._geo(place) for place in range(len(names))]
        for name in circuit.Vsources.AllNames:
            pandapower.create_ext_grid(net, **self._source(name))
        for create, rows in (
            (pandapower.create_lines_from_parameters, map(self._line, line_names(circuit))),
            (
                pandapower.create_transformers_from_parameters,
                map(self._transformer, transformer_names(circuit)),
            ),
            (pandapower.create_impedances, map(self._other, other_branches(circuit))),
            (pandapower.create_loads, map(self._load, loads_in_service(circuit).values())),
        ):
            if columns := _columns(rows):
                create(net, **columns)
        return net

    def load_phases(self) -> tuple[str, ...]:
        """Return the phases that each load in service is connected to."""
        phases = []
        for name in loads_in_service(self._circuit).values():
            nodes = set(element(self._circuit, name).NodeOrder)
            at = zip(PHASES, PHASE_NUMBERS, strict=True)
            phases.append("".join(phase for phase, number in at if number in nodes))
        return tuple(each or "".join(PHASES) for each in phases)

    def _spelled(self, full_name: str) -> str:
        return self._script.spelled(full_name.partition(".")[2])

    def _ends(self, name: str) -> list[str]:
        return [end_bus(bus) for bus in element(self._circuit, name).BusNames]

    def _geo(self, place: int) -> str | None:
        """Return a bus's coordinates as pandapower keeps them: a GeoJSON point."""
        bus = self._circuit.Buses(place)
        if not bus.Coorddefined:
            return None
        return json.dumps({"type": "Point", "coordinates": [bus.x, bus.y]})

    def _source(self, name: str) -> _Row:
        sources = self._circuit.Vsources
        sources.Name = name
        base_kv = sources.BasekV * (1.0 if sources.Phases > 1 else _ROOT)
        voltage, angle = sources.pu, sources.AngleDeg
        bus = self._ends(f"vsource.{name}")[0]
        impedance = _series_impedance(element(self._circuit, f"vsource.{name}"))
        return {
            "bus": self._place[bus],
            "vm_pu": voltage * base_kv / self._kv[bus],
            "va_degree": angle,
            "s_sc_max_mva": self._kv[bus] ** 2 / abs(impedance),
            "rx_max": impedance.real / impedance.imag,
            "name": self._script.spelled(name),
        }

    def _line(self, name: str) -> _Row:
        line = element(self._circuit, name)
        joins = _joins(line)
        impedance = _series_impedance(line) if joins else 0j
        rating_a, ends = line.NormalAmps, self._ends(name)
        lines = self._circuit.Lines
        lines.Name = name.partition(".")[2]
        length_km = lines.Length * _KM_PER_UNIT[lines.Units]
        return {
            "from_buses": self._place[ends[0]],
            "to_buses": self._place[ends[1]],
            "length_km": length_km,
            "r_ohm_per_km": impedance.real / length_km,
            "x_ohm_per_km": impedance.imag / length_km,
            "c_nf_per_km": 0.0,
            "max_i_ka": 1e-3 * rating_a,
            "in_service": joins,
            "name": self._spelled(name),
        }

    def _transformer(self, name: str) -> _Row:
        ends = self._ends(name)
        transformer = element(self._circuit, name)
        joins, single = _joins(transformer), transformer.NumPhases == 1
        windings = self._circuit.Transformers
        windings.Name = name.partition(".")[2]
        kv, resistance = [], 0.0
        for winding in (1, 2):
            windings.Wdg = winding
            between_phases = _ROOT if single and not windings.IsDelta else 1.0
            kv.append(between_phases * windings.kV * windings.Tap)
            resistance += windings.R
        return {
            "hv_buses": self._place[ends[0]],
            "lv_buses": self._place[ends[1]],
            "sn_mva": 1e-3 * windings.kVA,
            "vn_hv_kv": kv[0],
            "vn_lv_kv": kv[1],
            "vkr_percent": resistance,
            "vk_percent": float(np.hypot(resistance, windings.Xhl)),
            "pfe_kw": 0.0,
            "i0_percent": 0.0,
            "in_service": joins,
            "name": self._spelled(name),
        }

    def _other(self, name: str) -> _Row:
        """Describe a branch that planners must know of, though not how it works."""
        ends = self._ends(name)
        other = next(end for end in ends if end != ends[0])
        return {
            "from_buses": self._place[ends[0]],
            "to_buses": self._place[other],
            "rft_pu": 0.0,
            "xft_pu": 1.0,
            "sn_mva": 1.0,
            "in_service": bool(element(self._circuit, name).Enabled),
            "name": self._spelled(name),
        }

    def _load(self, name: str) -> _Row:
        return {
            "buses": self._place[self._ends(name)[0]],
            "p_mw": 0.0,
            "name": self._spelled(name),
        }


def _columns(rows: Iterable[_Row]) -> dict[str, list[Any]]:
    """Return rows of the same keys as columns; nothing for no rows."""
    table = list(rows)
    return {key: [row[key] for row in table] for key in table[0]} if table else {}


def _joins(branch: Any) -> bool:
    """Return whether a branch is in service and closed at both ends."""
    return bool(branch.Enabled) and not any(branch.IsOpen(end, 0) for end in (1, 2))


def _series_impedance(branch: Any) -> complex:
    """Return the positive-sequence impedance between the first end and the rest, ohm."""
    conductors, ends = branch.NumConductors, branch.NumTerminals
    admittance: ComplexArray = np.asarray(branch.Yprim).view(np.complex128)
    admittance = admittance.reshape(ends * conductors, -1)
    if ends > 1:
        admittance = -admittance[:conductors, conductors:]
    else:
        admittance = admittance[:conductors, :conductors]
    impedance = np.linalg.inv(admittance)
    own = np.diag(impedance).mean()
    if conductors == 1:
        return complex(own)
    mutual = impedance[~np.eye(conductors, dtype=bool)].mean()
    return complex(own - mutual)

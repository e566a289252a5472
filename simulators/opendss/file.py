"""Compiles a user's own circuit file and finds its elements."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.grid.network import Network
from gridloom.simulators.opendss.circuit import NOWHERE, Circuit
from gridloom.simulators.opendss.script import Script
from gridloom.simulators.opendss.session import (
    CONSTANT_POWER_PU,
    Session,
    open_session,
    prepare,
    refusal,
    run,
)

PHASE_NUMBERS = (1, 2, 3)
"""Nodes of a bus that are its phases a, b and c."""
_DARK_PU = 0.01
"""Voltage without load below which a node has no supply."""
_KEPT = ("Generators", "PVSystems", "Storages", "CapControls", "RegControls")


@dataclass(frozen=True, kw_only=True)
class DssNetwork(Network):
    """The network of a circuit file, described as a pandapower net for the record."""

    script: Script
    """What OpenDSS compiles."""


def compile_script(script: Script) -> Session:
    """Compile a circuit file in a new session and solve it without load.

    Raises:
        ScenarioError: dss-python is not installed, or OpenDSS refuses or cannot solve the circuit.
    """
    session = open_session("type")
    try:
        run(session, [f'Compile "{script.master.resolve()}"'])
        _require_circuit(session, script)
        _make_constant_power(session)
        prepare(session)
        session.ActiveCircuit.Solution.Solve()
    except refusal() as error:
        raise ScenarioError(_wrong(script, _told(error))) from error
    if not session.ActiveCircuit.Solution.Converged:
        raise ScenarioError(_wrong(script, "there is no solution even without load"))
    _require_bases(session, script)
    return session


def compile_circuit(script: Script) -> Circuit:
    """Compile a circuit file and find its elements, in the order of OpenDSS.

    Raises:
        ScenarioError: as `compile_script`.
    """
    session = compile_script(script)
    circuit = session.ActiveCircuit
    nominal_v = np.array([1e3 * bus.kVBase for bus in _buses(circuit)])
    place = {name: position for position, name in enumerate(circuit.YNodeOrder)}
    bus_nodes = np.array(
        [
            [place.get(f"{name.upper()}.{number}", NOWHERE) for number in PHASE_NUMBERS]
            for name in circuit.AllBusNames
        ],
        dtype=np.int64,
    )
    voltage = np.abs(np.asarray(circuit.YNodeVarray).view(np.complex128))
    dark = voltage[bus_nodes] < _DARK_PU * nominal_v[:, np.newaxis]
    live = {name for name, nodes in zip(circuit.AllBusNames, ~dark, strict=True) if nodes.any()}
    bus_nodes[dark] = NOWHERE
    return Circuit(
        session=session,
        bus_nodes=bus_nodes,
        bus_nominal_v=nominal_v,
        loads=np.array(list(loads_in_service(circuit)), dtype=np.int64),
        lines=tuple(name if _is_live(circuit, name, live) else "" for name in line_names(circuit)),
        transformers=tuple(
            (name,) if _is_live(circuit, name, live) else () for name in transformer_names(circuit)
        ),
        shunt_sides={},
        others=tuple(name for name in other_branches(circuit) if _is_live(circuit, name, live)),
        remarks=_remarks(circuit),
    )


def line_names(circuit: Any) -> list[str]:
    """Return the full names of all lines."""
    names = [f"line.{name}" for name in circuit.Lines.AllNames if name.lower() != "none"]
    return _between_buses(circuit, names)


def transformer_names(circuit: Any) -> list[str]:
    """Return the full names of the two-winding transformers."""
    names = [name for name, windings in _windings(circuit) if windings == len(("high", "low"))]
    return _between_buses(circuit, names)


def other_branches(circuit: Any) -> list[str]:
    """Return the full names of branches that are neither lines nor two-winding transformers."""
    told = {*transformer_names(circuit)}
    names = [name.lower() for name in circuit.PDElements.AllNames]
    names = [name for name in names if name not in told and not name.startswith("line.")]
    return [name for name in _between_buses(circuit, names) if _joins(element(circuit, name))]


def loads_in_service(circuit: Any) -> dict[int, str]:
    """Return the full names of the loads in service, by OpenDSS's number from 1 on."""
    names = enumerate((f"load.{name}" for name in _load_names(circuit)), start=1)
    return {number: name for number, name in names if element(circuit, name).Enabled}


def _load_names(circuit: Any) -> list[str]:
    return [name for name in circuit.Loads.AllNames if name.lower() != "none"]


def _between_buses(circuit: Any, names: list[str]) -> list[str]:
    """Return the branches whose buses exist: OpenDSS drops those that only disabled ones reach."""
    buses = set(circuit.AllBusNames)
    return [
        name for name in names if {end_bus(bus) for bus in element(circuit, name).BusNames} <= buses
    ]


def element(circuit: Any, name: str) -> Any:
    """Return the element of this full name; valid until the next is asked for."""
    circuit.SetActiveElement(name)
    return circuit.ActiveCktElement


def end_bus(name: str) -> str:
    """Return the bus of an element's end, which OpenDSS tells with its nodes."""
    return name.partition(".")[0].lower()


def _joins(branch: Any) -> bool:
    return len({end_bus(name) for name in branch.BusNames}) > 1


def _is_live(circuit: Any, name: str, live: set[str]) -> bool:
    branch = element(circuit, name)
    return bool(branch.Enabled) and any(end_bus(bus) in live for bus in branch.BusNames)


def _windings(circuit: Any) -> Iterator[tuple[str, int]]:
    for name in circuit.Transformers.AllNames:
        if name.lower() != "none":
            circuit.Transformers.Name = name
            yield f"transformer.{name}", int(circuit.Transformers.NumWindings)


def _buses(circuit: Any) -> Iterator[Any]:
    for number in range(circuit.NumBuses):
        yield circuit.Buses(number)


def _make_constant_power(session: Session) -> None:
    low, high = CONSTANT_POWER_PU
    told = f"kw=0 kvar=0 model=1 status=variable vminpu={low} vlowpu={low} vmaxpu={high}"
    run(session, [f'Edit "Load.{name}" {told}' for name in _load_names(session.ActiveCircuit)])


def _require_circuit(session: Session, script: Script) -> None:
    if not session.NumCircuits:
        raise ScenarioError(_wrong(script, "it defines no circuit"))


def _require_bases(session: Session, script: Script) -> None:
    circuit = session.ActiveCircuit
    pairs = zip(circuit.AllBusNames, _buses(circuit), strict=True)
    missing = [script.spelled(name) for name, bus in pairs if not bus.kVBase > 0]
    if missing:
        raise ScenarioError(
            Problem(
                message=f"buses of the circuit have no base voltage: {listing(missing)}",
                key=("network", "file"),
                expected="nominal voltages, so that per unit means something",
                suggestion="add 'Set VoltageBases=[...]' and 'CalcVoltageBases' to the file",
            )
        )


def _remarks(circuit: Any) -> tuple[str, ...]:
    """Say what of the circuit stays as it is, though its author may expect it to act."""
    kept = [f"{names.Count} {kind}" for kind in _KEPT if (names := getattr(circuit, kind)).Count]
    if not kept:
        return ()
    return (f"elements of the circuit that stay as the file leaves them: {', '.join(kept)}",)


def _told(error: Exception) -> str:
    """Return what OpenDSS says, in one line."""
    return " ".join(str(error).split())


def _wrong(script: Script, cause: str) -> Problem:
    return Problem(
        message=f"OpenDSS cannot use '{script.master.name}': {cause}",
        key=("network", "file"),
        expected="a circuit that OpenDSS compiles and solves",
    )

"""A feeder: a grid's topology, impedances and ratings, as agents and planners may know them.

Made from nothing but the constants that a grid declares with `Model.static()`, so that any grid
model, an external simulator's included, can provide them. Shunts are neglected.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.grid.connection_points import IndexArray
from gridloom.simulators.grid.feeder_constants import Constants
from gridloom.simulators.grid.feeder_impedances import Branches, Impedances, Sources
from gridloom.simulators.grid.feeder_segments import Segments
from gridloom.simulators.grid.feeder_sums import SubtreeSum
from gridloom.simulators.grid.feeder_tree import FeederTree, grow_tree
from gridloom.simulators.model import FloatArray, Model


@dataclass(frozen=True, kw_only=True)
class Feeder:
    """Buses, branches, sources and connection points of a grid.

    A *branch* is a line or a two-winding transformer: the lines first, then the transformers,
    each in the order of the grid. Positive-sequence impedances are given such that the voltage
    drop along a branch, linearised around 1 pu, is r P + x Q: eqs. (26)-(27) of Zafar et al.,
    "Adaptive Multi-Agent System and MILP Optimization Comparison for Grid Stability and
    Commitment Mismatch in Smart Grids", ISGT Europe 2021, on a tree. Powers are those of all three
    phases together.
    """

    grid: str
    """Name of the grid model."""
    bus_names: tuple[str, ...]
    line_names: tuple[str, ...]
    transformer_names: tuple[str, ...]
    bus_node: IndexArray
    """(bus,), first bus among those that closed switches join with it."""
    branch_from: IndexArray
    """(branch,), from bus of lines, high-voltage bus of transformers."""
    branch_to: IndexArray
    """(branch,), to bus of lines, low-voltage bus of transformers."""
    branch_in_service: NDArray[np.bool_]
    """(branch,), whether it joins its ends."""
    branch_rated_kva: FloatArray
    """(branch,), at nominal voltage; NaN where unknown."""
    line_rated_current_a: FloatArray
    """(line,), of each phase; NaN where unknown."""
    branch_resistance_pu_per_kw: FloatArray
    """(branch,), on the nominal voltage of the to bus."""
    branch_reactance_pu_per_kvar: FloatArray
    """(branch,), on the nominal voltage of the to bus."""
    branch_ratio: FloatArray
    """(branch,), voltage per unit at the to bus over that at the from bus, without load."""
    source_bus: IndexArray
    """(source,)"""
    source_voltage_pu: FloatArray
    """(source,), held behind its impedance."""
    source_resistance_pu_per_kw: FloatArray
    """(source,), 0 where ideal."""
    source_reactance_pu_per_kvar: FloatArray
    """(source,), 0 where ideal."""
    point_names: tuple[str, ...]
    point_bus: IndexArray
    """(point,), bus of each connection point."""
    point_phases: NDArray[np.bool_]
    """(point, 3), which of the phases a, b, c it is connected to."""
    voltage_limits_pu: tuple[float, float]
    """Lowest and highest admissible voltage."""

    @classmethod
    def of(cls, grid: Model) -> "Feeder":
        """Read the feeder from the constants of a grid.

        Raises:
            ScenarioError: the grid does not tell some constant, or has branches that are neither
                lines nor two-winding transformers.
        """
        told = Constants.of(grid)
        lines, transformers = told.names("line"), told.names("transformer")
        kv, from_bus = told["bus_nominal_voltage_kv"], told.positions("line_from_bus")
        line_kv, rated_kva = kv[from_bus], told["transformer_rated_power_kva"]
        source_bus = told.positions("source_bus")
        line_pu, trafo_pu, source_pu = (
            1e-3 / line_kv**2,
            1.0 / rated_kva,
            1e-3 / kv[source_bus] ** 2,
        )
        return cls(
            grid=grid.name,
            bus_names=told.names("bus"),
            line_names=lines,
            transformer_names=transformers,
            bus_node=told.positions("bus_node"),
            branch_from=np.concatenate([from_bus, told.positions("transformer_hv_bus")]),
            branch_to=np.concatenate(
                [told.positions("line_to_bus"), told.positions("transformer_lv_bus")]
            ),
            branch_in_service=np.concatenate(
                [told["line_in_service"], told["transformer_in_service"]]
            ).astype(bool),
            branch_rated_kva=np.concatenate(
                [np.sqrt(3) * line_kv * told["line_rated_current_a"], rated_kva]
            ),
            line_rated_current_a=told["line_rated_current_a"],
            branch_resistance_pu_per_kw=np.concatenate(
                [
                    told["line_resistance_ohm"] * line_pu,
                    told["transformer_resistance_pu"] * trafo_pu,
                ]
            ),
            branch_reactance_pu_per_kvar=np.concatenate(
                [
                    told["line_reactance_ohm"] * line_pu,
                    told["transformer_reactance_pu"] * trafo_pu,
                ]
            ),
            branch_ratio=np.concatenate([np.ones(len(lines)), told["transformer_ratio_pu"]]),
            source_bus=source_bus,
            source_voltage_pu=told["source_voltage_pu"],
            source_resistance_pu_per_kw=told["source_resistance_ohm"] * source_pu,
            source_reactance_pu_per_kvar=told["source_reactance_ohm"] * source_pu,
            point_names=told.names("connection_point"),
            point_bus=told.positions("connection_point_bus"),
            point_phases=told.phases(),
            voltage_limits_pu=(
                float(told["voltage_limit_low_pu"]),
                float(told["voltage_limit_high_pu"]),
            ),
        )

    @property
    def lines(self) -> int:
        """How many branches, from the first on, are lines."""
        return len(self.line_names)

    @property
    def transformers(self) -> int:
        """How many branches after them are transformers."""
        return len(self.transformer_names)

    @property
    def branch_names(self) -> tuple[str, ...]:
        """Names of lines and transformers; a transformer may be called like a line."""
        return (*self.line_names, *self.transformer_names)

    @cached_property
    def tree(self) -> FeederTree:
        """Shortest electrical paths (|z|) from the sources to the buses."""
        return grow_tree(
            self.bus_node,
            (self.branch_from, self.branch_to),
            self.branch_in_service,
            np.hypot(self.branch_resistance_pu_per_kw, self.branch_reactance_pu_per_kvar),
            np.unique(self.bus_node[self.source_bus]),
        )

    @cached_property
    def segments(self) -> Segments:
        """The tree without what supplies no connection point, branches in series merged."""
        return Segments.of(self.tree, self.point_bus, self._impedances, self.branch_rated_kva)

    def branch_power(self, point_values: FloatArray) -> FloatArray:
        """Return the lossless flow through every branch, positive from its from to its to bus.

        Args:
            point_values: (point, ...), what each connection point draws.

        Returns:
            (branch, ...), 0 through a branch whose ends a switch joins, otherwise NaN without
            supply.

        Raises:
            ScenarioError: the grid is meshed.
        """
        self.require_radial()
        tree = self.tree
        fed = tree.order[tree.depth > 0]
        feeding = tree.parent_branch[fed]
        shape = point_values.shape[1:]
        power = np.full((len(self.branch_from), *shape), np.nan)
        sign = tree.downstream_sign[feeding].reshape(-1, *(1 for _ in shape))
        power[feeding] = sign * self._downstream_sum(point_values)[tree.depth > 0]
        ends = self.bus_node[self.branch_from], self.bus_node[self.branch_to]
        idle = self.branch_in_service & (ends[0] == ends[1]) & (tree.place[ends[0]] >= 0)
        power[idle] = 0.0
        return power

    def bus_voltage_pu(self, point_kw: FloatArray, point_kvar: FloatArray) -> FloatArray:
        """Return the voltage of every bus for lossless flows, linearised around no load.

        The drop along a branch is (r P + x Q) / V0 with V0 the voltage without load: the tangent
        of the balanced AC power flow, whose error is of second order in the injections.

        Args:
            point_kw: (point, ...), load convention.
            point_kvar: (point, ...), likewise.

        Returns:
            (bus, ...), NaN without supply.

        Raises:
            ScenarioError: the grid is meshed.
        """
        self.require_radial()
        column = (-1, *(1 for _ in point_kw.shape[1:]))
        along = self._impedances
        source = along.source_voltage_pu.reshape(column)
        resistance = along.resistance_pu_per_kw.reshape(column)
        reactance = along.reactance_pu_per_kvar.reshape(column)
        drop = resistance * self._downstream_sum(point_kw)
        drop += reactance * self._downstream_sum(point_kvar)
        at_nodes = along.ratio.reshape(column) * (source - self.tree.path_sum(drop) / source)
        return self.tree.at_buses(at_nodes)

    @cached_property
    def no_load_voltage_pu(self) -> FloatArray:
        """(bus,), voltage if nothing is drawn; NaN without supply."""
        return self.tree.at_buses(self._impedances.ratio * self._impedances.source_voltage_pu)

    def require_radial(self) -> None:
        """Refuse a meshed grid, whose flows do not follow from its topology.

        Raises:
            ScenarioError: some branch in service is not in the tree.
        """
        if not self.tree.is_radial:
            raise ScenarioError(
                Problem(
                    message=f"grid '{self.grid}' is meshed, or has several sources joined",
                    expected="a radial grid: one path from each bus to one source",
                    suggestion="open switches or take lines out of service until it is",
                )
            )

    @cached_property
    def _downstream_sum(self) -> SubtreeSum:
        return SubtreeSum.of(self.tree.place[self.point_bus], self.tree.subtree_end)

    @cached_property
    def _impedances(self) -> Impedances:
        branches = Branches(
            self.branch_ratio, self.branch_resistance_pu_per_kw, self.branch_reactance_pu_per_kvar
        )
        sources = Sources(
            self.bus_node[self.source_bus],
            self.source_voltage_pu,
            self.source_resistance_pu_per_kw,
            self.source_reactance_pu_per_kvar,
        )
        return Impedances.along(self.tree, branches, sources)

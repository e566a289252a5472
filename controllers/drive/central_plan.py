"""The centralised optimum in place of a negotiation: with what all agents know, in this process."""

from collections.abc import Iterable, Mapping

from gridloom.controllers.drive.agents.proximal_agent import ProximalAgent
from gridloom.controllers.drive.central import CentralOptimum, Share, central_optimum
from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.drive.tariffs import Prices
from gridloom.controllers.negotiation.agent import Agent
from gridloom.controllers.negotiation.coordinator import Party
from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.model import FloatArray


class CentralPlan:
    """Solves one program of all devices, again before each interval."""

    def __init__(self, parties: Iterable[Party], populations: Mapping[str, Agent]) -> None:
        """Find the devices.

        Args:
            parties: the populations of agents, by rows.
            populations: the agents themselves, by name.

        Raises:
            ScenarioError: nobody knows what the devices of some agents can do.
        """
        flexible = {p.name: populations[p.name] for p in parties if p.is_flexible}
        known = {name: a for name, a in flexible.items() if isinstance(a, ProximalAgent)}
        strangers = sorted(flexible.keys() - known.keys())
        if strangers:
            raise ScenarioError(
                Problem(
                    message=f"no central optimisation knows the devices of {listing(strangers)}",
                    key=("algorithm",),
                    expected="algorithm: tree_sharing, or agents of types such as "
                    "drive_storage_agent",
                )
            )
        self._known = [(p.rows, known[p.name]) for p in parties if p.name in known]
        self.solver_s = 0.0
        """Wall time of the solver up to now."""

    def solve(
        self, tree: NetTree, prices: Prices, profiles_kw: FloatArray, fixed_kw: FloatArray
    ) -> CentralOptimum:
        """Find the optimum with what the agents knew when they were asked last.

        Args:
            tree: the nets.
            prices: at their ties.
            profiles_kw: (agent, interval); filled, but for those who cannot be moved.
            fixed_kw: (leaf, interval), what these draw.

        Raises:
            NoOptimumError: the solver found none.
        """
        shares = [Share(population=agent.population, leaf=agent.nets) for _, agent in self._known]
        found = central_optimum(tree, prices, shares, fixed_kw)
        for (rows, _), optimal_kw in zip(self._known, found.profiles_kw, strict=True):
            profiles_kw[rows, : optimal_kw.shape[1]] = optimal_kw
        self.solver_s += found.wall_time_s
        return found

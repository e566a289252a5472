"""What a scenario can say of DRivE."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from typing_extensions import override

from gridloom.controllers.drive.grid_nets import Congestion, nets_of
from gridloom.controllers.drive.net_tree import NetTree
from gridloom.controllers.negotiation.coordinator import CoordinatorConfig
from gridloom.controllers.negotiation.terms import Net, Terms
from gridloom.simulators.errors import Problem, ScenarioError
from gridloom.simulators.model import Model
from gridloom.simulators.quantities import Config, Positive
from gridloom.simulators.tariff import Tariff

_DAY_S = 86_400


class Algorithm(StrEnum):
    """How the plan comes about."""

    TREE_SHARING = "tree_sharing"
    """Devices answer prices and targets; nets solve limits and tariffs exactly."""
    LITERAL = "literal"
    """Proximal message passing to the letter, lines and ties being devices, for comparison."""
    CENTRAL = "central"
    """No negotiation: one linear program of all devices with what their agents know, a bound."""


class Balances(StrEnum):
    """Who shares what its devices generate."""

    COMMUNITY = "community"
    """All customers of the tariff, as one: the community service."""
    HOUSEHOLD = "household"
    """Each connection point for itself, for comparison."""


class SecureAggregation(Config):
    """The coordinator learns sums over nets only; every net needs at least three agents."""

    neighbours: Annotated[int, Field(ge=2, multiple_of=2)] = 4
    """With how many others of its net each agent shares masks."""


class DriveConfig(CoordinatorConfig):
    """Plans a community's devices by negotiation; it `controls` the tariff that is paid."""

    balances: Balances = Balances.COMMUNITY
    """Who shares a tie to the energy system."""
    congestion: Congestion | None = None
    """The congestion service: limits of lines and transformers are kept; without, prices decide."""
    algorithm: Algorithm = Algorithm.TREE_SHARING
    """How the plan comes about."""
    gap: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Certified distance from the optimum at which a negotiation ends, as a share of the cost."""
    certify_every: Annotated[int, Field(ge=1)] = 10
    """Rounds after which the distance is looked at, at the latest; each look takes a round."""
    penalty_eur_per_kw2: Positive | None = None
    """Of straying from targets (rho), at first; default: mean price of an interval over 3 kW."""
    overload_price_eur_per_mwh: Positive = 3000.0
    """What flow beyond a limit is taken to cost, so that there is a plan when none keeps it."""
    secure_aggregation: SecureAggregation | None = None
    """Agents mask their offers; default: they do not. It needs a perfect channel."""

    @model_validator(mode="after")
    def _solved_once(self) -> Self:
        if self.algorithm is not Algorithm.CENTRAL:
            return self
        if not self.channel.is_perfect:
            raise ValueError(
                "algorithm: central needs a perfect channel: it would plan for those who are not "
                "heard as if they listened"
            )
        if self.max_rounds == 1:
            raise ValueError("algorithm: central needs max_rounds of at least 2: it asks once")
        return self

    @model_validator(mode="after")
    def _sums_of_all(self) -> Self:
        if self.secure_aggregation is None:
            return self
        if not self.channel.is_perfect:
            raise ValueError(
                "secure_aggregation needs a perfect channel: nobody could tell what those do who "
                "are not heard"
            )
        if self.algorithm is Algorithm.CENTRAL:
            raise ValueError("secure_aggregation and algorithm: central exclude each other")
        return self

    @override
    def terms(self, name: str, simulators: Mapping[str, Model]) -> Terms:
        tariff = simulators.get(self.controls)
        if not isinstance(tariff, Tariff):
            raise ScenarioError(
                Problem(
                    message=f"'{self.controls}' is no tariff that a community could pay",
                    key=("controls",),
                    expected="a simulator of type 'tariff'",
                )
            )
        _, parts = self.nets(tariff, simulators)
        ahead_s = _DAY_S - self.step_size if self.horizon is None else self.horizon
        return Terms(
            coordinator=name,
            interval_s=self.step_size,
            count=1 + ahead_s // self.step_size,
            parts=parts,
        )

    def nets(
        self, tariff: Tariff, simulators: Mapping[str, Model]
    ) -> tuple[NetTree, tuple[Net, ...]]:
        """Return the nets, and the connection points of those that devices belong to."""
        grid = next((m for m in simulators.values() if m.offers_connection_points), None)
        apart = self.balances is Balances.HOUSEHOLD
        return nets_of(tariff.customers, grid, self.congestion, apart=apart)

"""DRivE: a community plans its devices by negotiation, within the limits of its grid.

After Loureiro et al. (2019), DRivE: every quarter of an hour nets and devices agree on the day
ahead by ADMM; the first interval is carried out. A round has four phases: nets recompute incentives
and request flexibility, devices update their profiles and offer them.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from typing_extensions import override

from gridloom.controllers.controller import ControlContext, Observation, Setpoints
from gridloom.controllers.drive.aggregation import MaskedSums, PlainSums, Totals
from gridloom.controllers.drive.central import NoOptimumError
from gridloom.controllers.drive.central_plan import CentralPlan
from gridloom.controllers.drive.certificate import Certificate, scale_eur
from gridloom.controllers.drive.config import Algorithm, DriveConfig
from gridloom.controllers.drive.message_passing import MessagePassing
from gridloom.controllers.drive.negotiated_plan import NegotiatedPlan, Rigour
from gridloom.controllers.drive.sharing import TreeSharing
from gridloom.controllers.drive.tariffs import Prices
from gridloom.controllers.drive.telling import Telling
from gridloom.controllers.negotiation.agent import places_of
from gridloom.controllers.negotiation.channel import Mask
from gridloom.controllers.negotiation.coordinator import Coordinator
from gridloom.controllers.negotiation.messages import FlexibilityOrder, MaskedOffer, Requests
from gridloom.controllers.negotiation.secure_sums import SecureSums
from gridloom.controllers.telemetry import MESSAGE_BYTES, MESSAGES
from gridloom.simulators.errors import ScenarioError, SolveError, listing
from gridloom.simulators.model import FloatArray, Port, StaticVariable
from gridloom.simulators.signals import Information, Signal
from gridloom.simulators.tariff import Tariff

_MWH_PER_KWH = 1e-3
_PROGNOSIS_IS_FINER = 4.0


class Drive(Coordinator):
    """Leads the negotiation of the intervals ahead, again before each.

    With the congestion service, it first negotiates what the community would do without limits,
    once a day: the prognosis. Then limits have a price; whoever relieves them is paid it.
    """

    Config = DriveConfig
    information: ClassVar[frozenset[Information]] = frozenset({Information.FORECAST})
    observes: ClassVar[tuple[Signal, ...]] = ()
    decides: ClassVar[tuple[Signal, ...]] = ()
    wants: ClassVar[str] = "drive_storage_agent, drive_ev_agent or drive_pv_agent"
    asks_for_targets: ClassVar[bool] = True

    def __init__(  # noqa: PLR0915 -- a field a line
        self, config: DriveConfig, context: ControlContext
    ) -> None:
        super().__init__(config, context)
        assert isinstance(self.controlled, Tariff)  # noqa: S101 -- the terms need it
        self._tariff = self.controlled
        self._config = config
        self.tree, _ = config.nets(self._tariff, context.models)
        """The nets."""
        self._duration_s = context.build.duration_s
        self._throughput_eur_per_kwh = _MWH_PER_KWH * np.concatenate(
            [agent.throughput_cost_eur_per_mwh for agent in self.populations.values()]
        )
        """(agent,), what contracts grant for energy in either direction."""
        self._weight = np.concatenate([agent.weight for agent in self.populations.values()])
        """(agent,), how far each follows a target."""
        self._telling = Telling(self.name, self.tree, self.terms, self._duration_s)
        self._price = np.zeros((0, 0))
        """(net, interval ahead), that the last negotiation ended with, EUR for a kW an interval."""
        self._profiles_kw = self.unasked_kw
        """(agent, interval), offers to the last request with targets."""
        self._aggregation: PlainSums | MaskedSums = self._aggregated(config, context)
        self._totals = Totals(np.zeros((0, 0)), 0.0)
        """Of these offers."""
        self._start_s = 0
        self._plan: NegotiatedPlan | None = None
        self._prices = Prices(buying=np.zeros(0), selling=np.zeros(0), overload=0.0)
        self._needs_prognosis = False
        self._someone_fell_silent = False
        self._penalty: float | None = config.penalty_eur_per_kw2
        """rho that the last negotiation ended with; None before the first."""
        self._usual_kw = np.zeros((0, 0))
        """(leaf, interval), what was expected day-ahead of those who cannot be moved."""
        self._unspoken = self._without_agents(context)
        self._bound_rounds: set[int] = set()
        """Rounds of the present negotiation whose answers are no offers."""
        self._asked_in = 0
        self._optimum: Certificate | None = None
        """Of what was solved last, where there is no negotiation."""
        self._central: CentralPlan | None = None
        if config.algorithm is Algorithm.CENTRAL:
            self._central = CentralPlan(self.parties, self.populations)

    @property
    @override
    def granted(self) -> frozenset[Information]:
        if self._config.algorithm is Algorithm.CENTRAL:
            return frozenset(Information) - {Information.PERFECT}
        return self.information

    @property
    @override
    def ports(self) -> tuple[Port, ...]:
        return (*super().ports, *self._telling.ports)

    @override
    def static(self) -> tuple[StaticVariable, ...]:
        return self._telling.static()

    @override
    def remarks(self) -> tuple[str, ...]:
        unspoken = f"nobody speaks for {listing(self._unspoken)}: taken for 0 kW"
        silent = (unspoken,) if self._unspoken else ()
        return (*super().remarks(), *self._telling.remarks(), *silent)

    def _without_agents(self, context: ControlContext) -> list[str]:
        """Return simulators that draw power in the nets, and that no agent speaks for."""
        spoken_for = {agent.controlled.name for agent in self.populations.values()}
        return [
            name
            for name, model in context.models.items()
            if name not in spoken_for and set(places_of(model)) & set(self._tariff.customers)
        ]

    @override
    def wall_times_s(self) -> Mapping[str, float]:
        return {} if self._central is None else {"solver": self._central.solver_s}

    def _aggregated(self, config: DriveConfig, context: ControlContext) -> PlainSums | MaskedSums:
        leaves = self.terms.nets.names
        if config.secure_aggregation is None:
            return PlainSums(self.nets, len(leaves))
        try:
            sums = SecureSums(
                self.nets,
                leaves,
                context.build.rng("secure aggregation"),
                neighbours=config.secure_aggregation.neighbours,
            )
        except ScenarioError as error:
            raise error.below(("secure_aggregation",)) from error
        return MaskedSums(sums, len(self.agents))

    @override
    def begin(self, time: int, observation: Observation, scheduled_kw: FloatArray) -> None:
        interval_s = self.terms.interval_s
        left = (self._duration_s - time) // interval_s
        count = min(self.terms.count, left)
        buying, selling = self._tariff.prices_ahead(time, count, interval_s)
        scale = self.terms.hours * _MWH_PER_KWH
        overload = self._config.overload_price_eur_per_mwh
        self._prices = Prices(
            buying=buying * scale, selling=selling * scale, overload=overload * scale
        )
        steps = (time - self._start_s) // interval_s
        self._price = self._price[:, steps:][:, :count]
        self._start_s = time
        self._profiles_kw = self.unasked_kw.copy()
        self._plan, self._someone_fell_silent = None, False
        self._usual_kw = self._by_leaf(scheduled_kw, ~self.is_flexible)
        self._bound_rounds.clear()
        if isinstance(self._aggregation, MaskedSums):
            self._aggregation.open()
        self._totals = self._totals_of(self._profiles_kw)
        limited = self._config.congestion is not None
        self._needs_prognosis = limited and not self._telling.knows_prognosis(time)
        self._telling.begin(time)

    @override
    def propose(self, number: int, offered_kw: FloatArray) -> Requests | None:
        if self._central is not None:
            return self._centrally(self._central, number, offered_kw)
        if self._plan is None:
            self._plan = self._opened()
        else:
            self._take(self._plan, number, offered_kw)
            if self._someone_fell_silent:
                self._plan = self._opened()
        self._someone_fell_silent = False
        foreseen = self._needs_prognosis and number >= self.max_rounds // 2
        if self._plan.is_good or foreseen:
            if not self._needs_prognosis:
                return None
            self._telling.prognosis(self._start_s, self.tree.flows_kw(self._totals.drawn_kw))
            self._needs_prognosis = False
            self._plan = self._opened()
        if number == self.max_rounds - 1:
            self._plan.ask_for_bound()
        self._asked_in = number
        return self._requests(number, self._plan)

    @override
    def run_out(self, offered_kw: FloatArray) -> None:
        if self._plan is not None:
            self._take(self._plan, self.max_rounds, offered_kw)

    @override
    def restart(self) -> None:
        self._someone_fell_silent = True

    @override
    def order(self, offered_kw: FloatArray) -> FloatArray:
        return self._profiles_kw

    @override
    def outcome(self, carried_out_kw: FloatArray) -> Setpoints:
        totals = self._totals
        if not np.array_equal(carried_out_kw, self._profiles_kw):  # some orders were lost
            totals = self._totals_of(carried_out_kw)
        certificate = self._optimum
        if self._plan is not None:
            self._price, certificate = self._plan.price, self._plan.certificate
            self._penalty = self._plan.adapted_penalty
        scale = self.terms.hours * _MWH_PER_KWH
        told = self._telling.outcome(totals.drawn_kw, self._price / scale, certificate)
        return {**told, **self._more_traffic()}

    def _more_traffic(self) -> Setpoints:
        """Return messages and bytes where offers are not all that agents send."""
        masked = self._aggregation
        if not isinstance(masked, MaskedSums):
            return {}
        sent = self.channel
        return {
            MESSAGES.name: sent.messages + masked.messages,
            MESSAGE_BYTES.name: sent.bytes + masked.bytes,
        }

    @override
    def offer_bytes(self) -> int:
        if not isinstance(self._aggregation, MaskedSums):
            return super().offer_bytes()
        words = np.zeros(self.terms.count + 1, dtype=np.uint64)
        interval_s = self.terms.interval_s
        return len(MaskedOffer(round=0, start_s=0, interval_s=interval_s, words=words).encoded())

    @override
    def order_bytes(self) -> int:
        if not isinstance(self._aggregation, MaskedSums):
            return super().order_bytes()
        # It cannot tell what it does not know: each shall do what it offered last.
        interval_s, nothing = self.terms.interval_s, np.zeros(0)
        order = FlexibilityOrder(round=0, start_s=0, interval_s=interval_s, power_kw=nothing)
        return len(order.encoded())

    def _opened(self) -> NegotiatedPlan:
        """Return a plan that begins with the last profiles and prices."""
        config, prices = self._config, self._prices
        tree = self.tree.unlimited() if self._needs_prognosis else self.tree
        penalty = prices.usual_penalty if self._penalty is None else self._penalty
        weight = np.zeros(len(tree.leaves))
        np.add.at(weight, self.nets[self.takes_part], self._weight[self.takes_part])
        # Peaks are the last to show.
        gap = config.gap / _PROGNOSIS_IS_FINER if self._needs_prognosis else config.gap
        rigour = Rigour(gap=gap, certify_every=config.certify_every)
        method = _method(config.algorithm)(
            tree.narrowed(rigour.margin), prices, weight, penalty, self._begin_price()
        )
        plan = NegotiatedPlan(tree, prices, method, weight, rigour)
        plan.begin(self._totals.drawn_kw, self._usual_kw, self._totals.contracts_eur)
        return plan

    def _begin_price(self) -> FloatArray:
        """Return the prices to begin with, (net, interval): the last, and the tariff's middle."""
        between = (self._prices.buying + self._prices.selling) / 2.0
        price = np.tile(between, (len(self.tree), 1))
        if self._plan is not None:
            return self._plan.price
        price[:, : self._price.shape[1]] = self._price if self._price.size else price[:, :0]
        return price

    def _take(self, plan: NegotiatedPlan, number: int, offered_kw: FloatArray) -> None:
        """Take the answers to what was asked last, in round ``number``."""
        certifies = plan.asks_for_bound
        if certifies:
            self._bound_rounds.update(range(self._asked_in, number))
        if not certifies:
            # Who has not been heard since a question without targets keeps its offer before that.
            offers = ~np.isin(self.answered, list(self._bound_rounds))[:, np.newaxis]
            offered_kw = np.where(offers, offered_kw, self._profiles_kw)
            self._profiles_kw = offered_kw.copy()
        self._profiles_kw[self.silent] = self.unasked_kw[self.silent]
        totals = self._totals_of(offered_kw)
        if self._someone_fell_silent:
            self._totals = self._totals_of(self._profiles_kw)
        elif not certifies:
            self._totals = totals
        plan.hear(totals.drawn_kw, totals.contracts_eur, all_of=self.has_heard_all())
        if certifies and plan.certificate is not None:
            self._telling.certified(plan.certificate.gap)
        elif not certifies:
            self._telling.round(plan.residual_kw, plan.change_kw)

    def _requests(self, number: int, plan: NegotiatedPlan) -> Requests:
        signals, count = plan.ask(), self.terms.count
        scale = self.terms.hours * _MWH_PER_KWH
        beyond = ((0, 0), (0, count - signals.price.shape[1]))
        price = np.pad(signals.price / scale, beyond)
        with_target = not plan.asks_for_bound
        return Requests(
            round=number,
            start_s=self._start_s,
            interval_s=self.terms.interval_s,
            buying_price_eur_per_mwh=price,
            selling_price_eur_per_mwh=price,
            target_kw=np.pad(signals.target_kw, beyond) if with_target else None,
            penalty_eur_per_kw2=plan.penalty,
        )

    def _centrally(
        self, central: CentralPlan, number: int, offered_kw: FloatArray
    ) -> Requests | None:
        """Ask once, so that all are prepared and tell what they cannot help; then solve."""
        if number == 0:
            beyond = (0, self.terms.count - len(self._prices.buying))
            price = np.pad(self._prices.buying / (self.terms.hours * _MWH_PER_KWH), beyond)
            by_net = np.tile(price, (len(self.tree.leaves), 1))
            return Requests(
                round=number,
                start_s=self._start_s,
                interval_s=self.terms.interval_s,
                buying_price_eur_per_mwh=by_net,
                selling_price_eur_per_mwh=by_net,
            )
        self._profiles_kw = offered_kw.copy()
        self._totals = self._totals_of(offered_kw)
        fixed_kw = self._by_leaf(offered_kw, ~self.takes_part)
        try:
            found = central.solve(self.tree, self._prices, self._profiles_kw, fixed_kw)
        except NoOptimumError as error:
            raise SolveError(self.name, self._start_s, str(error)) from error
        self._price, cost_eur = found.price, found.cost_eur
        self._totals = self._totals_of(self._profiles_kw)
        overload_eur = self._prices.overload_cost_eur(self.tree, self._totals.drawn_kw)
        scale = scale_eur(self._prices, self._totals.drawn_kw, fixed_kw, cost_eur - overload_eur)
        self._optimum = Certificate(cost_eur=cost_eur, bound_eur=cost_eur, scale_eur=scale)
        return None

    def _totals_of(self, profiles_kw: FloatArray) -> Totals:
        """Return what the leaves draw within the run, and what contracts grant for it."""
        profiles_kw = profiles_kw[:, : len(self._prices.buying)]
        energy_kwh = np.abs(profiles_kw).sum(axis=1) * self.terms.hours
        return self._aggregation.totals(profiles_kw, self._throughput_eur_per_kwh * energy_kwh)

    def _by_leaf(self, profiles_kw: FloatArray, who: Mask) -> FloatArray:
        """Return what some agents draw: (leaf, interval of the run)."""
        count = len(self._prices.buying)
        drawn_kw = np.zeros((len(self.tree.leaves), count))
        np.add.at(drawn_kw, self.nets[who], profiles_kw[who, :count])
        return drawn_kw


def _method(algorithm: Algorithm) -> "type[TreeSharing | MessagePassing]":
    return MessagePassing if algorithm is Algorithm.LITERAL else TreeSharing

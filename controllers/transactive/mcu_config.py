"""What a scenario can say of the microgrid control unit."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from gridloom.controllers.negotiation.coordinator import CoordinatorConfig
from gridloom.controllers.transactive.rules import Ascent, Bisection, Literal, Rule
from gridloom.simulators.quantities import NonNegative


class RuleName(StrEnum):
    """How the price of an interval comes about."""

    BISECTION = "bisection"
    """Halve the range of the bonus."""
    ASCENT = "ascent"
    """Raise the bonus step by step (the paper's flowchart)."""
    LITERAL = "literal"
    """Ascent from one price for both directions (the paper's letter), for comparison."""
    SELFISH = "selfish"
    """No bonus: each agent trades its own deviations with the market, for comparison."""
    SCHEDULE = "schedule"
    """No flexibility: all keep their day-ahead schedules, for comparison."""
    CENTRAL = "central"
    """No negotiation: one optimisation of all devices with what their agents know, a bound."""
    PERFECT = "perfect"
    """One optimisation of the whole run with its real prices and generation, a bound."""


class Outlook(StrEnum):
    """What agents are told of the prices of later intervals."""

    DAY_AHEAD = "day_ahead"
    """The day-ahead price, for both directions: what the local price is expected to be."""
    MARKET = "market"
    """The market's expected prices of buying and selling: as if nobody local were there then."""
    PRESENT = "present"
    """The middle of the market's two prices of now: agents make up for imbalances, but gain nothing
    by moving energy from cheap to dear intervals."""


class McuConfig(CoordinatorConfig):
    """The microgrid control unit; it `controls` the market on which it trades what is left."""

    rule: RuleName = RuleName.BISECTION
    """How the bonus is found."""
    bonus_step_eur_per_mwh: Annotated[float, Field(ge=1e-6)] | None = None
    """By which the bonus is raised, or within which it is found; default: 0.05 for `bisection`,
    else 1."""
    outlook: Outlook | None = None
    """What agents are told of later prices; default: `market` for `selfish`, else `day_ahead`."""

    tolerance_kw: NonNegative = 1e-6
    """What counts as no imbalance."""

    def later(self) -> Outlook:
        """Return what agents are told of later prices."""
        usual = Outlook.MARKET if self.rule is RuleName.SELFISH else Outlook.DAY_AHEAD
        return self.outlook or usual

    def search_rule(self) -> Rule | None:
        """Return the rule that looks for a bonus; None where there is none."""
        step = self.bonus_step_eur_per_mwh
        match self.rule:
            case RuleName.BISECTION:
                return Bisection(self.tolerance_kw, 0.05 if step is None else step)
            case RuleName.ASCENT:
                return Ascent(self.tolerance_kw, 1.0 if step is None else step)
            case RuleName.LITERAL:
                return Literal(self.tolerance_kw, 1.0 if step is None else step)
            case _:
                return None

"""How many rounds negotiations take, whatever they negotiate."""

from gridloom.scenarios.results.kpis.kpi import Indicator, Kpi
from gridloom.simulators.model import FloatArray

_GROUP = "Coordination"
_MEAN = Indicator(name="negotiation_rounds_mean", unit="1", group=_GROUP, label="rounds, mean")
_MOST = Indicator(name="negotiation_rounds_max", unit="1", group=_GROUP, label="rounds, most")


def round_kpis(rounds: FloatArray) -> list[Kpi]:
    """Return mean and most of the rounds of negotiations, (negotiation,)."""
    return [_MEAN.total(rounds.mean()), _MOST.total(rounds.max())]

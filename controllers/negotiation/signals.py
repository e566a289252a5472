"""What travels between a coordinator and its agents."""

from gridloom.simulators.signals import LOAD_CONVENTION, MeetsAt, Signal

# FlexibilityRequest
REQUEST_BUYING_PRICE = Signal(
    name="request_buying_price_eur_per_mwh",
    unit="EUR/MWh",
    long_name="price of consuming more than scheduled, or generating less",
)
REQUEST_SELLING_PRICE = Signal(
    name="request_selling_price_eur_per_mwh",
    unit="EUR/MWh",
    long_name="price of consuming less than scheduled, or generating more",
)
REQUEST_TARGET = Signal(
    name="request_target_kw",
    unit="kW",
    long_name="change of its last profile that a net asks each of its agents for",
    positive=LOAD_CONVENTION,
)
REQUEST_PENALTY = Signal(
    name="request_penalty_eur_per_kw2",
    unit="EUR/kW2",
    long_name="what straying from the target costs: half of it times the square, an interval",
)
REQUEST_ARRIVES = Signal(
    name="request_arrives",
    unit="1",
    long_name="1 if the request of this round reaches the agent, else 0",
    meets_at=MeetsAt.CONNECTION_POINT,
)
REQUEST_ROUND = Signal(
    name="request_round",
    unit="1",
    long_name="round in which the present request was made first",
)
"""A request that is repeated, because it or an answer was lost, keeps its number."""

# FlexibilityOffer
OFFER_POWER = Signal(
    name="offer_power_kw",
    unit="kW",
    long_name="power that an agent would draw at the requested prices, all its devices together",
    positive=LOAD_CONVENTION,
    extensive=True,
    meets_at=MeetsAt.CONNECTION_POINT,
)

# FlexibilityOrder
ORDER_POWER = Signal(
    name="order_power_kw",
    unit="kW",
    long_name="power that an agent shall draw, all its devices together; nothing if no order came",
    positive=LOAD_CONVENTION,
    meets_at=MeetsAt.CONNECTION_POINT,
    may_be_nan=True,
)

# What a negotiation was like
ROUNDS = Signal(
    name="negotiation_rounds",
    unit="1",
    long_name="rounds of the negotiation before this step",
    cell_method="sum",
    each_step=True,
)
SCHEDULED_POWER = Signal(
    name="scheduled_power_kw",
    unit="kW",
    long_name="power that an agent scheduled day-ahead, all its devices together",
    positive=LOAD_CONVENTION,
)
"""Also what an agent is settled against."""

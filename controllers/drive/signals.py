"""What DRivE tells of each negotiation, to be recorded and settled."""

from gridloom.simulators.signals import LOAD_CONVENTION, Signal

NET_PRICE = Signal(
    name="net_price_eur_per_mwh",
    unit="EUR/MWh",
    long_name="price that the negotiation ended with, at each net and for each interval ahead",
)
PLANNED_POWER = Signal(
    name="planned_power_kw",
    unit="kW",
    long_name="power that flows into each net by the plan, in the interval that begins",
    positive=LOAD_CONVENTION,
)
NET_ORDER = Signal(
    name="net_order_kw",
    unit="kW",
    long_name="power that all devices of a net shall draw together in the interval that begins",
    positive=LOAD_CONVENTION,
    may_be_nan=True,
)
CONGESTION_PRICE = Signal(
    name="congestion_price_eur_per_mwh",
    unit="EUR/MWh",
    long_name="by how much the limit of a net changes the price below it; positive at import",
)
PROGNOSIS = Signal(
    name="prognosis_power_kw",
    unit="kW",
    long_name="power that was planned for this interval before the grid's limits were looked at",
    positive=LOAD_CONVENTION,
    may_be_nan=True,
)
PLAN_COST = Signal(
    name="plan_cost_eur",
    unit="EUR",
    long_name="cost of the intervals ahead by the plan: energy, contracts, overload",
    may_be_nan=True,
    each_step=True,
)
PLAN_BOUND = Signal(
    name="plan_bound_eur",
    unit="EUR",
    long_name="cost of the intervals ahead that no plan falls below: the dual bound",
    may_be_nan=True,
    each_step=True,
)
CERTIFIED_GAP = Signal(
    name="certified_gap",
    unit="1",
    long_name="distance of the plan from the optimum, at most, as a share of its cost",
    may_be_nan=True,
    each_step=True,
)
PLANNED_OVERLOAD = Signal(
    name="planned_overload_kw",
    unit="kW",
    long_name="most by which the plan exceeds a limit in any interval ahead",
    each_step=True,
)
ROUND_RESIDUAL = Signal(
    name="round_residual_kw",
    unit="kW",
    long_name="what devices drew beyond what the nets would have had, after each round (mean "
    "square root over nets and intervals)",
    may_be_nan=True,
    each_step=True,
)
ROUND_CHANGE = Signal(
    name="round_change_kw",
    unit="kW",
    long_name="by how much the nets' power changed in each round (mean square root)",
    may_be_nan=True,
    each_step=True,
)
ROUND_GAP = Signal(
    name="round_gap",
    unit="1",
    long_name="certified gap where a round asked for it",
    may_be_nan=True,
    each_step=True,
)

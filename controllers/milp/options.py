"""What may be chosen about a plan: objective, binaries, how much of the grid it knows."""

from dataclasses import dataclass
from enum import StrEnum


class Objective(StrEnum):
    """What a plan minimises; equations by the numbers of Zafar et al., ISGT Europe 2021."""

    SHORTAGE = "shortage"
    """Eq. (28): what shortage costs. Surplus neither costs nor pays, so that schedules of equal
    cost abound: meant to be used with the tie-break."""
    COST = "cost"
    """Eq. (21): what shortage costs less what surplus pays."""
    COST_AND_ENERGY = "cost_and_energy"
    """Eq. (21) less the value of the energy that the vehicles gain: no plan wins by draining
    them."""


class Binaries(StrEnum):
    """Whether eqs. (17)-(18) are kept, which forbid to charge and discharge at the same time."""

    AUTO = "auto"
    """Only where no proof shows that the plan obeys them anyhow; see `Exclusivity`."""
    ALWAYS = "always"
    NEVER = "never"
    """A plan may then burn energy where consuming pays, and say that it only uses it."""


class Exclusivity(StrEnum):
    """Why no storage charges and discharges at the same time in a plan.

    At equal power at the connection point, doing both at once by x kW loses
    (1 / eta_d - eta_c) x kW from the store; nothing else tells it from doing neither.
    """

    LOSSLESS = "lossless"
    """eta_c eta_d = 1: doing both equals doing neither, power and energy alike. Only their
    difference is handed out."""
    ONE_WAY = "one_way"
    """No storage may both charge and discharge in the same interval."""
    RELAXATION = "relaxation"
    """The optimum without binaries happens to obey them, so it is the optimum with them. It does
    so wherever consuming less never costs (shortage prices, and with eqs. (21) surplus prices, not
    negative) and nothing limits export or surplus: at equal energy, to charge and discharge less
    then draws less power at no cost, which the tie-break makes sure of. Negative prices, an export
    limit, a voltage limit or a lower bound of the imbalance that binds make burning pay."""
    INTEGER = "integer"
    """Binary variables: none of the above held, or they were asked for."""
    UNPROVEN = "unproven"
    """Binaries were ruled out (`Binaries.NEVER`) and the plan does both somewhere."""


class NetworkDetail(StrEnum):
    """How a plan knows the grid."""

    NONE = "none"
    REDUCED = "reduced"
    """One flow a segment (a chain of lines without load); equals `FULL` on radial grids."""
    FULL = "full"
    """Eqs. (26)-(27) for every line and bus, meshed grids included."""


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """Choices that hold for all plans of one planner."""

    objective: Objective = Objective.COST_AND_ENERGY
    energy_value_eur_per_mwh: float = 0.0
    """What `Objective.COST_AND_ENERGY` pays for the energy that vehicles gain."""
    binaries: Binaries = Binaries.AUTO
    settlement_binaries: bool = False
    """One binary a settlement period even where the cost is convex; where it is not, there is one
    in any case."""
    tie_break: bool = True
    """Of the plans of equal objective, take one of minimum throughput: a second solve. Where there
    are binaries, of the plans that share their values."""
    relative_gap: float = 1e-4
    """At which branch and bound stops."""
    node_limit: int | None = None
    """At which branch and bound stops; None: no limit."""


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """What of the grid a plan respects."""

    detail: NetworkDetail = NetworkDetail.REDUCED
    loading_limit: float = 0.95
    """Share of the rated power that a plan may use: the rest is for losses and for the
    linearisation (AC currents come out about 3 % higher)."""
    voltage_limits: bool = False
    voltage_margin_pu: float = 0.0
    """How far the plan stays within the voltage limits."""
    per_phase: bool = False
    """Whether each phase is limited by a third of the rated power (reduced detail only). Voltages
    are those of the balanced approximation even so."""

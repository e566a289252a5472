"""What controllers tell of their own work: messages, solves, plans.

A controller that adds these output ports has them recorded, reported and compared.
"""

from gridloom.simulators.signals import LOAD_CONVENTION, Signal

MESSAGES = Signal(
    name="messages",
    unit="1",
    long_name="messages sent between agents, meters and devices in this step",
    extensive=True,
    cell_method="sum",
)
MESSAGE_BYTES = Signal(
    name="message_bytes",
    unit="byte",
    long_name="payload of the messages sent in this step",
    extensive=True,
    cell_method="sum",
)

# One solve of an optimisation; NaN in steps without any
SOLVE_STATUS = Signal(
    name="solve_status",
    unit="1",
    long_name="outcome of the solve in this step: 0 optimal, 1 feasible within a limit, "
    "2 infeasible and solved with relaxed limits, 3 no plan",
    may_be_nan=True,
    each_step=True,
)
SOLVE_OBJECTIVE = Signal(
    name="solve_objective_eur",
    unit="EUR",
    long_name="objective of the plan found in this step",
    may_be_nan=True,
    each_step=True,
)
SOLVE_BOUND = Signal(
    name="solve_bound_eur",
    unit="EUR",
    long_name="lower bound of the objective, proven by the solver",
    may_be_nan=True,
    each_step=True,
)
SOLVE_GAP = Signal(
    name="solve_relative_gap",
    unit="1",
    long_name="(objective - bound) over the objective's magnitude",
    may_be_nan=True,
    each_step=True,
)
SOLVE_RELAXED = Signal(
    name="solve_relaxed",
    unit="1",
    long_name="sum of the violations that an infeasible problem was granted, in kWh and kW",
    may_be_nan=True,
    each_step=True,
)
SOLVE_TIME = Signal(
    name="solve_time_s",
    unit="s",
    long_name="wall time of the solve in this step; the one signal that is not reproducible",
    may_be_nan=True,
    reproducible=False,
    each_step=True,
)

# What a plan expects of the grid in this step
PLANNED_SLACK_POWER = Signal(
    name="planned_slack_power_kw",
    unit="kW",
    long_name="active power that the plan expects to be drawn from the external grid",
    positive="from the external grid into this grid",
    may_be_nan=True,
)
PLANNED_LINE_CURRENT = Signal(
    name="planned_line_current_a",
    unit="A",
    long_name="current magnitude that the plan expects",
    may_be_nan=True,
)
PLANNED_BUS_VOLTAGE = Signal(
    name="planned_bus_voltage_pu",
    unit="1",
    long_name="voltage magnitude that the plan expects, phase to neutral, per unit of nominal",
    may_be_nan=True,
)
PLANNED_POWER = Signal(
    name="planned_power_kw",
    unit="kW",
    long_name="active power that the plan expects at the connection point, all devices together",
    positive=LOAD_CONVENTION,
    may_be_nan=True,
)

# What the AC power flow says of a plan; of all its intervals in the step that makes it, else NaN
PLAN_LINE_LOADING = Signal(
    name="plan_line_loading_percent",
    unit="percent",
    long_name="highest line loading in the AC power flow of the plan made in this step",
    may_be_nan=True,
    each_step=True,
)
PLAN_TRANSFORMER_LOADING = Signal(
    name="plan_transformer_loading_percent",
    unit="percent",
    long_name="highest transformer loading in the AC power flow of the plan made in this step",
    may_be_nan=True,
    each_step=True,
)
PLAN_VOLTAGE_LOW = Signal(
    name="plan_voltage_low_pu",
    unit="1",
    long_name="lowest supply voltage in the AC power flow of the plan made in this step",
    may_be_nan=True,
    each_step=True,
)
PLAN_VOLTAGE_HIGH = Signal(
    name="plan_voltage_high_pu",
    unit="1",
    long_name="highest supply voltage in the AC power flow of the plan made in this step",
    may_be_nan=True,
    each_step=True,
)
PLANNED_LINE_LOADING = Signal(
    name="planned_line_loading_percent",
    unit="percent",
    long_name="highest line loading that the AC power flow of the plan gives for this step",
    may_be_nan=True,
)

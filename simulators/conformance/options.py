"""What may be said about a check."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

Role: TypeAlias = Literal["pv", "load", "ev_fleet", "grid", "market", "controller"]
"""A part that a simulator can play in a scenario."""
ROLES: tuple[str, ...] = get_args(Role)


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """How a simulator is to be checked; wall times are in seconds."""

    role: Role | None = None
    """Also check what this role needs."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the simulator's `init`."""
    model: str | None = None
    """Model to create; by default the first public one."""
    create: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the model."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Values by attribute, for a simulator that cannot do without inputs."""
    steps: int = 24
    """How many steps are taken at most; a day of simulated time is enough in any case."""
    step_size_s: int = 60
    """Simulated time between steps, for simulators that do not say when they step next."""
    start_timeout_s: float = 60.0
    """Until it has connected, and for `init`, `create` and `setup_done`."""
    step_timeout_s: float = 10.0
    """For `step` and `get_data`."""
    stop_timeout_s: float = 10.0
    """Until it has ended after being asked to."""

    @property
    def until_s(self) -> int:
        """End of the simulated time."""
        return max(86_400, self.steps * self.step_size_s)

"""Running simulators wherever they are, and ending a run cleanly when one of them fails."""

from gridloom.scenarios.supervision.supervisor import Supervisor

__all__ = ["Supervisor"]

"""Collects what models send into rows: one every greatest common divisor of their step sizes."""

from collections.abc import Callable, Mapping, Sequence
from math import gcd
from typing import TypeAlias

from gridloom.simulators.model import Outputs

Sink: TypeAlias = Callable[[int, Mapping[str, Outputs]], None]
"""Receives the simulation time and, by model and signal, what was sent last by then."""
Listener: TypeAlias = Callable[[str, int, Outputs], None]
"""Is told a model's name, the time at which its step began, and what it sent."""


class Rows:
    """Hands over a row once all models that step at its time have, in the order of time.

    Models of which none waits for the other may be at different times.
    """

    def __init__(
        self, step_sizes: Mapping[str, int], sink: Sink, listeners: Sequence[Listener] = ()
    ) -> None:
        """Wait for the first row.

        Args:
            step_sizes: of all models, by name.
            sink: whom to hand the rows to; an exception that it raises ends the simulation.
            listeners: are told at once whatever a model sends.
        """
        self._listeners = tuple(listeners)
        self._step_sizes = dict(step_sizes)
        self._pace_s = gcd(*self._step_sizes.values())
        self._in_step = set(self._step_sizes.values()) == {self._pace_s}
        self._sink = sink
        self._latest: dict[str, Outputs] = {}
        self._sent: dict[int, dict[str, Outputs]] = {}
        """What has come for the next row and later ones, by time."""
        self.complete_until_s = 0
        """All rows before have been handed over."""

    def take(self, name: str, time: int, outputs: Outputs) -> None:
        """Take over what a model sent for its step."""
        for listener in self._listeners:
            listener(name, time, outputs)
        self._sent.setdefault(time, {})[name] = outputs
        while self._sent and self._is_complete(self.complete_until_s):
            self._hand_over()

    def finish(self, until_s: int) -> bool:
        """Hand over the last rows, at which nobody steps; return whether none is missing."""
        while self.complete_until_s < until_s and self._is_complete(self.complete_until_s):
            self._hand_over()
        return self.complete_until_s >= until_s

    def _hand_over(self) -> None:
        self._latest.update(self._sent.pop(self.complete_until_s, {}))
        self._sink(self.complete_until_s, dict(self._latest))
        self.complete_until_s += self._pace_s

    def _is_complete(self, time: int) -> bool:
        expected = len(self._step_sizes)
        if not self._in_step:
            expected = sum(time % step_s == 0 for step_s in self._step_sizes.values())
        return len(self._sent.get(time, ())) == expected

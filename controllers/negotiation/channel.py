"""The channel between a coordinator and its agents: what is lost, what is late, who is away.

Time in the channel is not the simulation's: a negotiation is over before its interval begins. A
round lasts until all answers are there, or for `round_time_s`; what comes later counts when it
comes.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import FloatArray
from gridloom.simulators.quantities import Config, Fraction, NonNegative, Positive

Mask = NDArray[np.bool_]
_NEVER = 1e9
"""Rounds after which nothing is waited for."""


class ChannelConfig(Config):
    """How well coordinator and agents can talk; by default perfectly."""

    latency_s: NonNegative = 0.0
    """Mean time that a message takes, exponentially distributed."""
    round_time_s: Positive = 1.0
    """How long the coordinator waits for the answers to a request."""
    loss: Fraction = 0.0
    """Probability that a message is lost: a request, an offer or an order."""
    drop_out: Fraction = 0.0
    """Probability that an agent does not take part in a negotiation at all; it does what it was
    ordered last, and beyond that keeps its schedule."""

    @property
    def is_perfect(self) -> bool:
        """Whether everything arrives at once."""
        return not (self.latency_s or self.loss or self.drop_out)


class Channel:
    """Says of every message whether and when it arrives, and counts those that are sent.

    open(), then requests() and offers() a round, and orders() at the end.
    """

    def __init__(self, config: ChannelConfig, agents: int, rng: np.random.Generator) -> None:
        """Begin without any message.

        Args:
            config: how well it works.
            agents: number of agents.
            rng: source of all chance.
        """
        self._config = config
        self._rng = rng
        self._present: Mask = np.ones(agents, dtype=np.bool_)
        self._reached = self._present
        self._trip_s = np.zeros(agents)
        self._on_the_way: list[tuple[int, int, Mask, FloatArray]] = []
        """When it arrives and what it answers, both by round, from whom, and what."""
        self._round = 0
        self.messages = np.zeros(agents)
        """(agent,), sent from and to each since the channel was opened."""
        self.bytes = np.zeros(agents)
        """Likewise, their payload."""

    def open(self) -> None:
        """Begin a negotiation."""
        agents = len(self.messages)
        self._on_the_way.clear()
        self._round = 0
        self.messages, self.bytes = np.zeros(agents), np.zeros(agents)
        self._present = self._happens(1.0 - self._config.drop_out)

    def requests(self, asked: Mask, size_bytes: int) -> Mask:
        """Send a request to some agents; return whom it reaches: (agent,)."""
        self._count(asked, size_bytes)
        self._trip_s = self._latency_s()
        self._reached = asked & self._arrives()
        return self._reached

    def offers(self, sent: FloatArray, size_bytes: int) -> Iterator[tuple[int, Mask, FloatArray]]:
        """Send the offers of those whom the last request has reached.

        Returns:
            Which round's request is answered, who is heard of by the end of this round, and what
            they had to say: late answers to earlier rounds first.
        """
        self._count(self._reached, size_bytes)
        arrive_s = self._trip_s + self._latency_s()
        round_s = self._config.round_time_s
        rounds_late = (np.minimum(arrive_s, _NEVER * round_s) // round_s).astype(np.int64)
        arrive = self._reached & self._happens(1.0 - self._config.loss)
        for late in np.unique(rounds_late[arrive]).tolist():
            who = arrive & (rounds_late == late)
            self._on_the_way.append((self._round + late, self._round, who, sent))
        there = [entry for entry in self._on_the_way if entry[0] <= self._round]
        self._on_the_way = [entry for entry in self._on_the_way if entry[0] > self._round]
        self._round += 1
        for _, answered, who, what in there:
            yield answered, who, what

    def orders(self, told: Mask, size_bytes: int, tries: int = 1) -> Mask:
        """Send an order to some agents, again to those who have not confirmed it after a round.

        Args:
            told: (agent,), who gets an order.
            size_bytes: its length.
            tries: how often it is sent at most.

        Returns:
            Whom it reaches: (agent,).
        """
        waiting = told.copy()
        for _ in range(tries):
            if not waiting.any():
                break
            self._count(waiting, size_bytes)
            in_time = self._latency_s() < self._config.round_time_s
            waiting &= ~(self._arrives() & in_time)
        return told & ~waiting

    def _arrives(self) -> Mask:
        return self._present & self._happens(1.0 - self._config.loss)

    def _happens(self, probability: float) -> Mask:
        """Draw for every agent; nothing is drawn where nothing is left to chance."""
        agents = len(self.messages)
        if probability >= 1.0:
            return np.ones(agents, dtype=np.bool_)
        return self._rng.random(agents) < probability

    def _latency_s(self) -> FloatArray:
        agents = len(self.messages)
        if not self._config.latency_s:
            return np.zeros(agents)
        return self._rng.exponential(self._config.latency_s, agents)

    def _count(self, who: Mask, size_bytes: int) -> None:
        self.messages += who
        self.bytes += who * float(size_bytes)

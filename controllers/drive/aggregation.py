"""What nets learn of their devices' offers: sums, in the clear or from masked messages."""

from typing import NamedTuple, Protocol

import numpy as np

from gridloom.controllers.negotiation.secure_sums import SecureSums
from gridloom.simulators.model import FloatArray, IntArray


class Totals(NamedTuple):
    """Of the devices of each leaf."""

    drawn_kw: FloatArray
    """(leaf, interval), what they draw."""
    contracts_eur: float
    """What contracts grant all of them for it."""


class Aggregation(Protocol):
    """Adds up offers."""

    def totals(self, profiles_kw: FloatArray, contracts_eur: FloatArray) -> Totals:
        """Return the sums over the agents of each leaf.

        Args:
            profiles_kw: (agent, interval).
            contracts_eur: (agent,), what its contract grants each for its profile.
        """


class PlainSums:
    """The coordinator reads every offer, and knows what contracts grant for it."""

    def __init__(self, nets: IntArray, leaves: int) -> None:
        """Prepare; ``nets``: (agent,), the leaf of each."""
        self._nets, self._leaves = nets, leaves

    def totals(self, profiles_kw: FloatArray, contracts_eur: FloatArray) -> Totals:
        """Return the sums over the agents of each leaf; see `Aggregation`."""
        drawn_kw = np.zeros((self._leaves, profiles_kw.shape[1]))
        np.add.at(drawn_kw, self._nets, profiles_kw)
        return Totals(drawn_kw, float(contracts_eur.sum()))


class MaskedSums:
    """The coordinator reads masked offers, whose sums are exact in millionths; see `secure_sums`.

    What its contract grants an agent it then has to tell as well, masked.
    """

    def __init__(self, sums: SecureSums, agents: int) -> None:
        """Prepare."""
        self._sums = sums
        self.messages = np.zeros(agents)
        """(agent,), besides offers, since the last `open`."""
        self.bytes = np.zeros(agents)
        """(agent,), likewise."""

    def open(self) -> None:
        """Begin a negotiation: agents agree on keys."""
        agreed = self._sums.agreement
        self.messages, self.bytes = agreed.messages.copy(), agreed.bytes.copy()

    def totals(self, profiles_kw: FloatArray, contracts_eur: FloatArray) -> Totals:
        """Return the sums over the agents of each leaf; see `Aggregation`."""
        told = np.hstack([profiles_kw, contracts_eur[:, np.newaxis]])
        masked = self._sums.masked(told)
        everybody = np.ones(len(told), dtype=np.bool_)
        unmasking = self._sums.unmasked(everybody)
        traffic = self._sums.unmasking_traffic(unmasking, everybody)
        self.messages += traffic.messages
        self.bytes += traffic.bytes
        sums = self._sums.sums(masked, unmasking)
        return Totals(sums[:, :-1], float(sums[:, -1].sum()))

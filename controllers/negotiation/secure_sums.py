"""Sums over nets of what agents offer, from messages that tell nothing of any single agent.

In the manner of K. Bonawitz et al., "Practical secure aggregation for privacy-preserving machine
learning", CCS 2017 (sections 4 and 6), for parties that keep to the protocol but are curious; on a
sparse graph as in J. Bell et al., "Secure single-server aggregation with (poly)logarithmic
overhead", CCS 2020. All numbers are integers modulo 2^64. A round:

    y_u = x_u + b_u + sum_v +- m_uv         each agent u sends its values x, masked
    who is counted                          the coordinator tells all who have answered
    b_u; m_uv of each silent v              tells each who is counted, and nobody else anything
    sum x = sum y - sum b - sum +- m        knows the coordinator of each net

b is an agent's own mask; m it shares with each of its neighbours, one adds it, the other subtracts
it. All masks are new in every round. Neighbours are close to each other on a ring of the net's
agents in random order.

What holds: the coordinator learns the sum over those who are counted, to the last bit, and nothing
of fewer than `FEWEST`; also if some are silent, and also if they then send after all: of the silent
b is never told. If agents pass on to it what they know, it learns the sums over the others that are
still linked by masks among themselves: a single value only from all neighbours of an agent.

What does not: a coordinator that tells some that an agent is counted, and others that it is silent,
learns its value. Sums of several rounds, or of almost the same agents, can be compared. Who answers
is no secret. And in a simulation all parties share one process, keys come from the scenario's seed
and masks from NumPy's Philox: messages, traffic and sums are those of the protocol, the secrecy of
this process is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gridloom.controllers.negotiation.channel import Mask
from gridloom.controllers.negotiation.fixed_point import WordArray, fixed_point, from_fixed_point
from gridloom.simulators.errors import Problem, ScenarioError, listing
from gridloom.simulators.model import FloatArray, IntArray

_Item = TypeVar("_Item", bound=np.generic)
FEWEST = 3
"""A sum over fewer agents would tell a party to it what the only other one does."""
_OWN = 0
"""Of the masks: an agent's own; those of higher number it shares with who is so far ahead."""
_HEAD_BYTES, _KEY_BYTES = 21, 32
"""Of any message, see `messages`; of a public key (X25519) or the seed of a mask (ChaCha20)."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Messages from and to each agent besides its masked offers."""

    messages: FloatArray
    """(agent,), how many."""
    bytes: FloatArray
    """(agent,), how long all together."""


@dataclass(frozen=True, kw_only=True)
class Unmasking:
    """What agents tell when they have heard whose answers are there."""

    counted: Mask
    """(agent,), whose values are in the sums."""
    masks: WordArray
    """(net, value), sums of the masks that are told: those counted agents' own ones, and what they
    added or subtracted for neighbours that are not counted."""


class SecureSums:
    """The part of all agents and of their coordinator in secure aggregation, round by round.

    In each round `masked`, then `unmasked` once, then `sums`.
    """

    def __init__(
        self,
        nets: IntArray,
        names: Sequence[str],
        rng: np.random.Generator,
        *,
        neighbours: int = 4,
    ) -> None:
        """Put the agents of each net on a ring, and let neighbours agree on keys.

        Args:
            nets: (agent,), the net of each: a place among ``names``.
            names: of all nets; some may have no agents.
            rng: source of the order on the ring and of all masks.
            neighbours: with how many each shares masks, an even number; in small nets with fewer,
                at least two.

        Raises:
            ScenarioError: a net has agents, but fewer than `FEWEST`.
            ValueError: no such number of neighbours.
        """
        if neighbours < 2 or neighbours % 2:  # noqa: PLR2004 -- one on each side
            raise ValueError(f"{neighbours} neighbours: expected an even number, at least 2")
        sizes = np.bincount(nets, minlength=len(names))
        _refuse_small(sizes, names)
        shuffled = rng.permutation(len(nets))
        self._ring: IntArray = shuffled[np.argsort(nets[shuffled], kind="stable")]
        """(place,), the agent at each place: net after net, in the order of its ring."""
        self._net: IntArray = nets[self._ring]
        """(place,)."""
        self._sizes: IntArray = sizes.astype(np.int64)
        """(net,), number of its agents."""
        self._begin: IntArray = np.cumsum(self._sizes) - self._sizes
        """(net,), its first place."""
        self._reach: IntArray = np.minimum(neighbours // 2, (self._sizes - 1) // 2)
        """(net,), how far ahead on the ring the neighbours of an agent are at most."""
        self._ahead = [self._place_ahead(offset) for offset in range(1, neighbours // 2 + 1)]
        """By distance less one, (place,): who is so far ahead; oneself where that is too far."""
        self._key: WordArray = rng.integers(0, 2**64, size=2, dtype=np.uint64)
        self._round = 0
        self._values = 0
        self._is_masked = False

    @property
    def agreement(self) -> Traffic:
        """What it takes to agree on keys, once: a public key each, passed on to the neighbours."""
        keys = _KEY_BYTES * (1.0 + self._degree())
        return self._traffic(np.full(len(self._ring), 2.0), 2.0 * _HEAD_BYTES + keys)

    def masked(self, values: FloatArray) -> WordArray:
        """Begin the next round; return what the agents send.

        Args:
            values: (agent, value), such as a profile in kW, and in EUR what a contract grants.

        Returns:
            (agent, value), to whoever does not know the masks: random numbers.

        Raises:
            OverflowError: a sum might not fit.
        """
        self._round += 1
        self._values = values.shape[1]
        self._is_masked = True
        words = fixed_point(values, most_terms=int(self._sizes.max()))[self._ring]
        words += self._pads(_OWN)
        for offset, ahead in enumerate(self._ahead, start=1):
            shared = self._pads(offset)
            words += shared
            words[ahead] -= shared
        return self._by_agent(words)

    def unmasked(self, answered: Mask) -> Unmasking:
        """Return what the agents tell after the coordinator has said who has answered.

        Not counted is who is linked by masks to fewer than two others that have answered: the sum
        over them all would tell too much.

        Args:
            answered: (agent,), whose masked values are there; they also take part in this.

        Raises:
            RuntimeError: it would be the second time in this round: with both answers together,
                values of those who are counted in but one could be read.
        """
        if not self._is_masked:
            raise RuntimeError("a round is unmasked once")
        self._is_masked = False
        counted = self._linked(answered[self._ring])
        masks = self._net_sums(np.where(counted[:, np.newaxis], self._pads(_OWN), np.uint64(0)))
        if not counted.all():
            for offset, ahead in enumerate(self._ahead, start=1):
                # Where one of the two is counted: it has added the mask, or subtracted it.
                sign = counted.astype(np.int64) - counted[ahead]
                masks += self._net_sums(self._pads(offset) * sign.view(np.uint64)[:, np.newaxis])
        return Unmasking(counted=self._by_agent(counted), masks=masks)

    def sums(self, masked: WordArray, unmasking: Unmasking) -> FloatArray:
        """Return the sums over each net's counted agents, (net, value); knows the coordinator.

        Args:
            masked: (agent, value), what was sent; of those who are not counted, anything.
            unmasking: what was told afterwards.
        """
        there = np.where(unmasking.counted[:, np.newaxis], masked, np.uint64(0))[self._ring]
        return from_fixed_point(self._net_sums(there) - unmasking.masks)

    def unmasking_traffic(self, unmasking: Unmasking, answered: Mask) -> Traffic:
        """Return what it took to unmask a round.

        All who answered are told who is counted, a bit for each agent of the net. Each who is
        counted then tells the seed of its own mask, and one for each neighbour that is not.
        """
        told = answered[self._ring].astype(np.float64)
        counted = unmasking.counted[self._ring]
        missing = np.zeros(len(counted))
        for ahead in self._ahead:
            missing += ~counted[ahead]
            missing[ahead] += ~counted
        bits = np.ceil(self._sizes[self._net] / 8.0)
        tells = _HEAD_BYTES + _KEY_BYTES * (1.0 + missing)
        return self._traffic(told + counted, told * (_HEAD_BYTES + bits) + counted * tells)

    def _place_ahead(self, offset: int) -> IntArray:
        """Return who is so many places ahead on the ring: (place,)."""
        begin, size = self._begin[self._net], self._sizes[self._net]
        place = np.arange(len(self._net))
        ahead = begin + (place - begin + offset) % size
        near: IntArray = np.where(offset <= self._reach[self._net], ahead, place)
        return near

    def _degree(self) -> FloatArray:
        """Return how many neighbours each has: (place,)."""
        degree: FloatArray = 2 * self._reach[self._net].astype(np.float64)
        return degree

    def _pads(self, number: int) -> WordArray:
        """Return the masks of one number in this round: (place, value)."""
        counter = np.array([0, 0, number, self._round], dtype=np.uint64)
        drawn = np.random.Philox(counter=counter, key=self._key).random_raw(
            len(self._ring) * self._values
        )
        return drawn.reshape(len(self._ring), self._values)

    def _linked(self, answered: Mask) -> Mask:
        """Return who is linked by masks to at least two others that have answered: (place,).

        Who has answered is linked to the next on the ring that has, unless that one is beyond its
        reach; gaps cut the ring into chains.
        """
        place = np.flatnonzero(answered)
        net = self._net[place]
        is_first = np.diff(net, prepend=-1) > 0
        is_last = np.roll(is_first, -1)
        around = place[is_first][np.cumsum(is_first) - 1] + self._sizes[net]
        following = np.where(is_last, around, np.roll(place, -1))
        is_cut = following - place > self._reach[net]
        chain = np.cumsum(is_first | np.roll(is_cut, 1)) - 1
        # Around the ring, the last chain goes on with the first, unless there is a gap.
        goes_on = ~is_cut[is_last]
        same_as = np.arange(len(place))
        same_as[chain[is_last][goes_on]] = chain[is_first][goes_on]
        chain = same_as[chain]
        linked = np.zeros(len(answered), dtype=np.bool_)
        linked[place] = np.bincount(chain)[chain] >= FEWEST
        return linked

    def _net_sums(self, words: WordArray) -> WordArray:
        """Return the sums over each net: (place, value) to (net, value)."""
        sums = np.zeros((len(self._sizes), words.shape[1]), dtype=np.uint64)
        there = self._sizes > 0
        sums[there] = np.add.reduceat(words, self._begin[there], axis=0)
        return sums

    def _by_agent(self, by_place: NDArray[_Item]) -> NDArray[_Item]:
        by_agent = np.empty_like(by_place)
        by_agent[self._ring] = by_place
        return by_agent

    def _traffic(self, messages: FloatArray, size_bytes: FloatArray) -> Traffic:
        return Traffic(messages=self._by_agent(messages), bytes=self._by_agent(size_bytes))


def _refuse_small(sizes: IntArray, names: Sequence[str]) -> None:
    small = [n for n, size in zip(names, sizes.tolist(), strict=True) if 0 < size < FEWEST]
    if small:
        raise ScenarioError(
            Problem(
                message=f"nets with fewer than {FEWEST} agents: {listing(small)}; the sum over "
                "them would tell what each does",
                expected=f"nets with at least {FEWEST} agents, or with none",
                suggestion="join them with others, or go without secure sums",
            )
        )

"""Secure sums: exact to the last integer, and nothing but the sums."""

import json
import struct
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.controllers.negotiation.fixed_point import (
    QUANTA_PER_UNIT,
    fixed_point,
    from_fixed_point,
)
from gridloom.controllers.negotiation.messages import MaskedOffer
from gridloom.controllers.negotiation.secure_sums import FEWEST, SecureSums
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext

NAMES = ("north", "none", "south", "west")
NETS = np.array([2, 0, 0, 3, 2, 0, 2, 3, 0, 3, 2, 0, 2, 2, 0, 2, 0, 2, 0, 2])
"""Of 20 agents: 8 in the north, 9 in the south, 3 in the west."""
CHI_SQUARE_255 = 347.7
"""Of 255 degrees of freedom, exceeded with probability 1e-4 (Wilson and Hilferty, 1931)."""


def rng(seed: int = 1) -> np.random.Generator:
    context = BuildContext(
        name="drive", start=datetime(2021, 6, 21, tzinfo=UTC), duration_s=3600, seed=seed
    )
    return context.rng("secure_sums")


def of_net(values: Any, who: Any, nets: Any = NETS, count: int = 4) -> Any:
    """Return the exact sums of values in millionths, as Python's integers add them."""
    sums = [[0] * values.shape[1] for _ in range(count)]
    for net, row, is_counted in zip(nets, values, who, strict=True):
        if is_counted:
            quanta = [round(value * 1_000_000) for value in row.tolist()]
            sums[net] = [a + b for a, b in zip(sums[net], quanta, strict=True)]
    return np.array([[quanta / 1_000_000 for quanta in row] for row in sums])


def linked_to_two_others(secure: SecureSums, answered: Any) -> Any:
    """Return who is in a group of three or more by walking along every shared mask: (agent,)."""
    agents = len(answered)
    neighbours: list[set[int]] = [set() for _ in range(agents)]
    for ahead in secure._ahead:
        for place, other in enumerate(ahead):
            one, two = int(secure._ring[place]), int(secure._ring[other])
            if one != two:
                neighbours[one].add(two)
                neighbours[two].add(one)
    found = np.zeros(agents, dtype=bool)
    for agent in np.flatnonzero(answered).tolist():
        group, edge = {agent}, [agent]
        while edge:
            new = {n for n in neighbours[edge.pop()] if answered[n]} - group
            group |= new
            edge += new
        found[agent] = len(group) >= FEWEST
    return found


def test_sums_are_exact_whoever_is_in_which_net() -> None:
    values = np.random.default_rng(3).normal(0, 5, (20, 97))
    secure = SecureSums(NETS, NAMES, rng())
    for scale in (1.0, 1e-6, 1e3):
        sent = secure.masked(values * scale)
        unmasking = secure.unmasked(np.ones(20, dtype=bool))
        assert unmasking.counted.all()
        sums = secure.sums(sent, unmasking)
        np.testing.assert_array_equal(sums, of_net(values * scale, unmasking.counted))
        assert not sums[1].any()  # there is nobody
        if scale == 1.0:  # at most 9 values, rounded to millionths
            expected = [values[net == NETS].sum(axis=0) for net in range(4)]
            np.testing.assert_allclose(sums, expected, atol=9 * 0.5e-6)


@given(
    nets=st.lists(st.integers(0, 2), min_size=1, max_size=30).map(
        lambda found: sorted([net for net in found if found.count(net) >= FEWEST] or [0, 0, 0])
    ),
    half=st.integers(1, 4),
    silence=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_sums_are_exact_whoever_is_silent(
    nets: list[int], half: int, silence: float, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    where = chance.permutation(nets)
    secure = SecureSums(where, ("a", "b", "c"), rng(seed), neighbours=2 * half)
    for _ in range(2):
        values = chance.normal(0, 10, (len(where), 3))
        answered = chance.random(len(where)) >= silence
        sent = secure.masked(values)
        unmasking = secure.unmasked(answered)
        assert (unmasking.counted == linked_to_two_others(secure, answered)).all()
        sent[~unmasking.counted] = 0  # it does not matter what arrives of those
        np.testing.assert_array_equal(
            secure.sums(sent, unmasking), of_net(values, unmasking.counted, where, 3)
        )


def test_everybody_counts_who_has_not_lost_all_neighbours() -> None:
    """Nine on a ring, two neighbours on either side: two gaps of two cut it into 4 and 1."""
    nets = np.zeros(9, dtype=np.int64)
    secure = SecureSums(nets, ("all",), rng())
    answered = np.ones(9, dtype=bool)
    answered[secure._ring[[1, 2, 7, 8]]] = False
    values = np.arange(18.0).reshape(9, 2)
    sent = secure.masked(values)
    unmasking = secure.unmasked(answered)
    assert np.flatnonzero(unmasking.counted).tolist() == sorted(secure._ring[3:7])
    np.testing.assert_array_equal(
        secure.sums(sent, unmasking)[0], values[secure._ring[3:7]].sum(axis=0)
    )


def chi_square(words: Any) -> float:
    """Return the statistic of all bytes of words against equal frequencies."""
    found = np.frombuffer(words.astype("<u8").tobytes(), dtype=np.uint8)
    counts = np.bincount(found, minlength=256)
    expected = len(found) / 256
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.fixture
def same_in_every_round() -> Any:
    """Return what one agent sends in 64 rounds in which all offer zero, and how it is unmasked."""
    secure = SecureSums(NETS, NAMES, rng(7))
    silent = np.ones(20, dtype=bool)
    silent[0] = False
    sent, masks = [], []
    for _ in range(64):
        sent.append(secure.masked(np.zeros((20, 97)))[0])
        mine = np.flatnonzero(secure._ring == 0)[0]
        shared = np.zeros(97, dtype=np.uint64)
        for offset, ahead in enumerate(secure._ahead, start=1):
            pads = secure._pads(offset)
            shared = shared + pads[mine] - pads[ahead == mine][0]
        secure.unmasked(silent)
        masks.append(shared)
    return np.array(sent), np.array(masks)


def test_one_message_is_random_numbers(same_in_every_round: Any) -> None:
    """Zeros, and yet each byte is as frequent as any other: chi-square with a fixed seed."""
    sent, _ = same_in_every_round
    assert chi_square(sent) < CHI_SQUARE_255
    assert len(np.unique(sent)) == sent.size


def test_messages_of_several_rounds_cannot_be_compared(same_in_every_round: Any) -> None:
    """The same values twice: also the difference of the messages is random."""
    sent, _ = same_in_every_round
    assert chi_square(sent[1:] - sent[:-1]) < CHI_SQUARE_255
    assert chi_square(sent[1:] ^ sent[:-1]) < CHI_SQUARE_255


def test_a_late_message_stays_hidden(same_in_every_round: Any) -> None:
    """Without all the masks that neighbours have told of it, which do not hide it any more."""
    sent, shared = same_in_every_round
    late = sent - shared
    assert late.any()
    assert chi_square(late) < CHI_SQUARE_255


def test_the_test_of_randomness_would_find_small_numbers() -> None:
    assert chi_square(fixed_point(np.full((64, 97), 1.5), 1)) > CHI_SQUARE_255


def test_a_round_is_unmasked_once() -> None:
    secure = SecureSums(NETS, NAMES, rng())
    with pytest.raises(RuntimeError, match="once"):
        secure.unmasked(np.ones(20, dtype=bool))
    secure.masked(np.zeros((20, 2)))
    secure.unmasked(np.ones(20, dtype=bool))
    with pytest.raises(RuntimeError, match="once"):
        secure.unmasked(np.ones(20, dtype=bool))


def test_all_chance_comes_from_the_seed() -> None:
    def sent(seed: int) -> Any:
        return SecureSums(NETS, NAMES, rng(seed)).masked(np.ones((20, 5)))

    assert sent(1).tobytes() == sent(1).tobytes() != sent(2).tobytes()


@pytest.mark.parametrize("size", [1, 2])
def test_nets_of_few_agents_are_refused(size: int) -> None:
    nets = np.array([0] * 5 + [2] * size)
    with pytest.raises(ScenarioError, match="nets with fewer than 3 agents: south;"):
        SecureSums(nets, NAMES, rng())


@pytest.mark.parametrize("neighbours", [0, 1, 3, -2])
def test_neighbours_come_in_pairs(neighbours: int) -> None:
    with pytest.raises(ValueError, match="expected an even number"):
        SecureSums(NETS, NAMES, rng(), neighbours=neighbours)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 6e11])
def test_what_does_not_fit_is_refused(value: float) -> None:
    """Nine terms of at most 2^62 / 9 millionths: 5.1e11."""
    values = np.zeros((20, 2))
    values[3, 1] = value
    with pytest.raises(OverflowError, match=r"beyond 5\.12\d*e\+11"):
        SecureSums(NETS, NAMES, rng()).masked(values)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=9))
def test_fixed_point_and_back(values: list[float]) -> None:
    exact = np.array(values)
    again = from_fixed_point(fixed_point(exact, most_terms=1))
    assert (
        np.abs(again - exact) <= 0.5 / QUANTA_PER_UNIT + 1e-7
    ).all()  # of 1e9, floats are 1.2e-7
    assert from_fixed_point(fixed_point(again, most_terms=1)).tobytes() == again.tobytes()


def test_traffic_by_hand() -> None:
    """A net of 9 with 4 neighbours each, a head of 21 bytes, keys and seeds of 32."""
    secure = SecureSums(np.zeros(9, dtype=np.int64), ("all",), rng())
    assert secure.agreement.messages.tolist() == [2] * 9
    assert secure.agreement.bytes.tolist() == [21 + 32 + 21 + 4 * 32] * 9
    answered = np.ones(9, dtype=bool)
    answered[secure._ring[4]] = False
    secure.masked(np.zeros((9, 2)))
    traffic = secure.unmasking_traffic(secure.unmasked(answered), answered)
    # Who is silent is told nothing; its four neighbours tell two seeds; nine bits are two bytes.
    on_ring = [23 + 21 + 32 * seeds for seeds in (1, 1, 2, 2, 0, 2, 2, 1, 1)]
    on_ring[4] = 0
    assert traffic.bytes[secure._ring].tolist() == on_ring
    assert traffic.messages[secure._ring].tolist() == [2, 2, 2, 2, 0, 2, 2, 2, 2]


def test_three_agents_have_two_neighbours_each() -> None:
    secure = SecureSums(np.zeros(3, dtype=np.int64), ("all",), rng(), neighbours=8)
    assert secure.agreement.bytes.tolist() == [21 + 32 + 21 + 2 * 32] * 3


def test_a_masked_offer_on_the_wire() -> None:
    """Little-endian without gaps, by hand: BIIIq and unsigned integers of 64 bits."""
    words = np.array([1, 2**64 - 1, 2**63], dtype=np.uint64)
    offer = MaskedOffer(round=7, start_s=1_800, interval_s=900, words=words)
    encoded = offer.encoded()
    assert encoded == struct.pack("<BIIIq3Q", 4, 7, 900, 3, 1_800, 1, 2**64 - 1, 2**63)
    assert json.loads(offer.as_json()) == {
        "type": "MaskedOffer",
        "round": 7,
        "start_s": 1_800,
        "interval_s": 900,
        "words": [1, 2**64 - 1, 2**63],
    }

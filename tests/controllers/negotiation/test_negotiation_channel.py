"""The channel: losses, delays and drop-outs as probable as stated, and all that is sent counts.

Frequencies are held to their expectation within five standard deviations: a right channel fails a
comparison with probability 6e-7 (normal approximation of the binomial distribution).
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from gridloom.controllers.negotiation.channel import Channel, ChannelConfig

AGENTS = 40_000
ALL = np.ones(AGENTS, dtype=np.bool_)


def channel(agents: int = AGENTS, **keys: float) -> Channel:
    made = Channel(ChannelConfig(**keys), agents, np.random.default_rng(3))
    made.open()
    return made


def require_share(who: NDArray[np.bool_], probability: float) -> None:
    expected, deviation = probability, math.sqrt(probability * (1 - probability) / len(who))
    assert abs(who.mean() - expected) < 5 * deviation


def heard(of: Channel, sent: NDArray[np.float64], size_bytes: int = 1) -> NDArray[np.bool_]:
    """Return who is heard of by the end of a round."""
    found = np.zeros(len(sent), dtype=np.bool_)
    for _, who, _ in of.offers(sent, size_bytes):
        found |= who
    return found


def test_a_perfect_channel_draws_nothing() -> None:
    rng = np.random.default_rng(5)
    before = rng.bit_generator.state
    perfect = Channel(ChannelConfig(), 3, rng)
    asked = np.array([True, False, True])
    for _ in range(2):
        perfect.open()
        for number in range(3):
            assert perfect.requests(asked, 1).tolist() == asked.tolist()
            sent = np.full((3, 2), float(number))
            ((answered, who, what),) = perfect.offers(sent, 1)
            assert answered == number
            assert who.tolist() == asked.tolist()
            assert what is sent
        assert perfect.orders(asked, 1).tolist() == asked.tolist()
    assert rng.bit_generator.state == before
    assert ChannelConfig().is_perfect
    assert not any(ChannelConfig(**{k: 0.5}).is_perfect for k in ("latency_s", "loss", "drop_out"))


def test_messages_and_bytes_are_those_that_were_sent() -> None:
    """Two rounds: 2 x 85 + 2 x 53 bytes for who is asked in both, and 53 more for the order."""
    perfect = channel(3)
    both, first = np.array([True, True, False]), np.array([True, True, True])
    for asked in (first, both):
        perfect.requests(asked, 85)
        heard(perfect, np.zeros((3, 4)), 53)
    perfect.orders(both, 53)
    assert perfect.messages.tolist() == [5, 5, 2]
    assert perfect.bytes.tolist() == [329, 329, 138]
    perfect.open()
    assert perfect.messages.tolist() == perfect.bytes.tolist() == [0, 0, 0]


def test_who_is_not_reached_sends_nothing() -> None:
    deaf = channel(4, loss=1.0)
    assert not deaf.requests(np.ones(4, dtype=np.bool_), 85).any()
    assert not heard(deaf, np.zeros((4, 1)), 53).any()
    assert not deaf.orders(np.ones(4, dtype=np.bool_), 53).any()
    assert deaf.messages.tolist() == [2] * 4  # what is lost was sent all the same
    assert deaf.bytes.tolist() == [138] * 4


@pytest.mark.parametrize("loss", [0.05, 0.3])
def test_each_message_is_lost_with_the_same_probability(loss: float) -> None:
    lossy = channel(loss=loss)
    reached = lossy.requests(ALL, 1)
    require_share(reached, 1 - loss)
    there = heard(lossy, np.zeros((AGENTS, 1)))
    assert not (there & ~reached).any()
    require_share(there[reached], 1 - loss)  # independent of the request
    ordered = lossy.orders(ALL, 1)
    require_share(ordered, 1 - loss)
    require_share(ordered & reached, (1 - loss) ** 2)


def test_who_drops_out_is_away_for_one_negotiation() -> None:
    shaky = channel(drop_out=0.3)
    present = shaky.requests(ALL, 1)
    require_share(present, 0.7)
    np.testing.assert_array_equal(heard(shaky, np.zeros((AGENTS, 1))), present)
    np.testing.assert_array_equal(shaky.requests(ALL, 1), present)
    np.testing.assert_array_equal(shaky.orders(ALL, 1), present)
    shaky.open()
    again = shaky.orders(ALL, 1)
    require_share(again, 0.7)
    require_share(again & present, 0.49)


@pytest.mark.parametrize("mean_s", [0.2, 1.5])
def test_answers_are_as_late_as_two_exponential_trips(mean_s: float) -> None:
    """There and back again is Erlang-2: 1 - exp(-x) (1 + x) arrive within x mean latencies."""
    slow = channel(latency_s=mean_s, round_time_s=0.5)
    nobody = np.zeros(AGENTS, dtype=np.bool_)
    assert slow.requests(ALL, 1).all()
    so_far = nobody
    for number in range(5):
        if number:
            slow.requests(nobody, 1)
        so_far = so_far | heard(slow, np.zeros((AGENTS, 1)))
        x = (number + 1) * 0.5 / mean_s
        require_share(so_far, 1 - math.exp(-x) * (1 + x))


def test_what_is_late_counts_when_it_comes() -> None:
    """Each offer comes once, in its own round or later, as it was sent; the oldest come first."""
    agents, rounds = 500, 400
    slow = channel(agents, latency_s=2.0, round_time_s=1.0)
    everybody = np.ones(agents, dtype=np.bool_)
    came: dict[int, list[int]] = {agent: [] for agent in range(agents)}
    for number in range(rounds):
        slow.requests(everybody if number < 20 else ~everybody, 1)
        sent = np.full((agents, 1), float(number))
        of_this_round = []
        for answered, who, what in slow.offers(sent, 1):
            assert (what == answered).all()
            of_this_round.append(int(what[0, 0]))
            for agent in np.flatnonzero(who).tolist():
                assert what[agent, 0] <= number
                came[agent].append(int(what[agent, 0]))
        assert of_this_round == sorted(of_this_round)
    assert all(sorted(numbers) == list(range(20)) for numbers in came.values())
    assert any(numbers != sorted(numbers) for numbers in came.values())  # overtaken on the way


def test_what_is_on_the_way_when_a_negotiation_ends_never_comes() -> None:
    slow = channel(10, latency_s=1e6)
    slow.requests(np.ones(10, dtype=np.bool_), 1)
    assert not heard(slow, np.zeros((10, 1))).any()
    slow.open()
    for _ in range(100):
        slow.requests(np.zeros(10, dtype=np.bool_), 1)
        assert not heard(slow, np.zeros((10, 1))).any()


@pytest.mark.parametrize("latency_s", [1e3, 1e19, 1e300])
def test_what_never_comes_is_not_on_time(latency_s: float) -> None:
    """A message is in time with probability 1 - exp(-1e-9 / latency), 1e-12 at most."""
    slow = channel(50, latency_s=latency_s, round_time_s=1e-9)
    everybody = np.ones(50, dtype=np.bool_)
    slow.requests(everybody, 1)
    assert not heard(slow, np.zeros((50, 1))).any()
    assert not slow.orders(everybody, 1, tries=3).any()
    assert slow.messages.tolist() == [5.0] * 50  # a request, an offer, and an order three times

"""What is told to whom: every message of a run, and what masked sums let the coordinator know."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.controllers.drive.aggregation import MaskedSums, PlainSums
from gridloom.controllers.drive.coordinator import Drive
from gridloom.controllers.negotiation.agent import Agent
from gridloom.controllers.negotiation.coordinator import Coordinator
from gridloom.controllers.negotiation.messages import (
    FlexibilityOffer,
    FlexibilityOrder,
    MaskedOffer,
    Requests,
)
from gridloom.controllers.negotiation.secure_sums import SecureSums
from gridloom.simulators.model import Direction, FloatArray

HEAD = struct.calcsize("<BIIIq")
COUNT, STEPS = 9, 16
SECURE: dict[str, Any] = {"secure_aggregation": {}}
SHORT = {"horizon": "2h", "duration": "2h"}
RUN_STEPS = 8


class Tapped:
    """Notes all requests, offers and orders of a run, as they are sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: Any = None
        """What the models sent."""
        self.requests = list[Requests]()
        self.offers = list[FlexibilityOffer]()
        self.orders = list[FlexibilityOrder]()
        sent, reply, decide = Coordinator._sent, Agent.round, Coordinator.decide

        def note_requests(coordinator: Coordinator, requests: Requests) -> Any:
            self.requests.append(requests)
            return sent(coordinator, requests)

        def note_offers(agent: Agent, time: int, number: int, inputs: Any) -> Any:
            outputs = reply(agent, time, number, inputs)
            assert outputs.keys() == {"offer_power_kw"}
            self.offers += [
                FlexibilityOffer(round=number, start_s=time, interval_s=900, power_kw=profile_kw)
                for profile_kw in outputs["offer_power_kw"]
            ]
            return outputs

        def note_orders(coordinator: Coordinator, time: int, observation: Any) -> Any:
            outputs = decide(coordinator, time, observation)
            self.orders += [
                FlexibilityOrder(round=0, start_s=time, interval_s=900, power_kw=profile_kw)
                for profile_kw in outputs["order_power_kw"]
            ]
            return outputs

        monkeypatch.setattr(Coordinator, "_sent", note_requests)
        monkeypatch.setattr(Agent, "round", note_offers)
        monkeypatch.setattr(Coordinator, "decide", note_orders)


def decoded(message: bytes) -> tuple[tuple[int, ...], FloatArray]:
    """Read a message as its format says: kind, round, interval, number, begin; then values."""
    head = struct.unpack("<BIIIq", message[:HEAD])
    return head, np.frombuffer(message[HEAD:], dtype="<f8")


class TestInTheClear:
    @pytest.fixture(scope="class")
    @staticmethod
    def tapped(tmp_path_factory: pytest.TempPathFactory, community_type: Any) -> Tapped:
        """What is said in two hours of the community, only to be read."""
        made = community_type(tmp_path_factory.mktemp("tapped"), None)
        with pytest.MonkeyPatch.context() as patch:
            tapped = Tapped(patch)
            tapped.found = made.run(made.scenario(**SHORT))
        return tapped

    def test_all_that_an_agent_originates_is_its_profile(self, tapped: Tapped) -> None:
        """Byte by byte: a head that the coordinator could write itself, and the profile."""
        assert len(tapped.offers) > 500
        for offer in tapped.offers:
            (kind, number, interval_s, length, start_s), values = decoded(offer.encoded())
            assert (kind, interval_s, length) == (2, 900, COUNT)
            assert (number, start_s) == (offer.round, offer.start_s)
            assert values.tobytes() == offer.power_kw.tobytes()
            told = json.loads(offer.as_json())
            assert told.keys() == {"type", "round", "start_s", "interval_s", "power_kw"}
            assert told["power_kw"] == offer.power_kw.tolist()

    def test_requests_are_the_same_for_all_of_a_net(
        self, community: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Prices, a target and a penalty; to whom it goes is in no message."""
        tapped = Tapped(monkeypatch)
        limits = {"congestion": {"points": "all"}}
        community.run(community.scenario(grid=True, **limits, **SHORT))
        with_target = [r for r in tapped.requests if r.target_kw is not None]
        assert len(with_target) > 30
        for requests in tapped.requests:
            for net in range(3):
                message = requests.of(net)
                told = json.loads(message.as_json())
                expected = {"type", "round", "start_s", "interval_s", "penalty_eur_per_kw2"}
                expected |= {"buying_price_eur_per_mwh", "selling_price_eur_per_mwh"}
                expected |= {"target_kw"} if requests.target_kw is not None else set()
                assert told.keys() == expected
                (kind, *_, length, _), values = decoded(message.encoded())
                assert kind == 1
                assert length == len(values)
                assert len(values) == (3 * COUNT + 1 if "target_kw" in told else 2 * COUNT)

    def test_orders_are_profiles_that_were_offered(self, tapped: Tapped) -> None:
        offered = {(offer.start_s, offer.power_kw.tobytes()) for offer in tapped.offers}
        assert len(tapped.orders) == 14 * RUN_STEPS
        sent = [order for order in tapped.orders if np.isfinite(order.power_kw).all()]
        assert len(sent) == 13 * RUN_STEPS  # nothing is ordered of those who only tell
        for order in sent:
            assert (order.start_s, order.power_kw.tobytes()) in offered
            told = json.loads(order.as_json())
            assert told.keys() == {"type", "round", "start_s", "interval_s", "power_kw"}

    def test_no_other_way_leads_from_agents_to_anybody_else(self, community: Any) -> None:
        """Ports that are coupled: offers to the coordinator, setpoints to the agents' devices."""
        composition = community.composed(community.scenario(**SHORT))
        agents = {name for name in composition.models if name.endswith("_agent")}
        told = {
            (c.output.name, c.destination == "drive")
            for c in composition.couplings
            if c.source in agents
        }
        assert told == {("offer_power_kw", True), ("power_setpoint_kw", False)}
        heard = {c.output.name for c in composition.couplings if c.destination == "drive"}
        assert heard == {"offer_power_kw"}
        for name in agents:
            (devices,) = {
                c.destination
                for c in composition.couplings
                if c.source == name and c.destination != "drive"
            } or {"load"}
            assert devices == composition.models[name].controlled.name
            ports = composition.models[name].ports
            rounds = [p.name for p in ports if p.in_rounds and p.direction is Direction.OUTPUT]
            assert rounds == ["offer_power_kw"]

    def test_every_byte_counts(self, community: Any, tapped: Tapped) -> None:
        """All that was sent, encoded: in a head of 21 bytes and 8 a value."""
        found = tapped.found
        flexible = np.array([agent != "load_agent" for agent in _owners(community)])
        for step in range(RUN_STEPS):
            asked = [r for r in tapped.requests if r.start_s == 900 * step]
            assert found["drive/negotiation_rounds"][step] == len(asked)
            offer = HEAD + 8 * COUNT
            sizes = [len(r.of(0).encoded()) + offer for r in asked]
            expected = np.where(flexible, sum(sizes) + offer, sizes[0])
            assert found["drive/message_bytes"][step].tolist() == expected.tolist()
            counts = np.where(flexible, 2 * len(asked) + 1, 2)
            assert found["drive/messages"][step].tolist() == counts.tolist()


def _owners(community: Any) -> list[str]:
    """Return the population of each agent, in the coordinator's order."""
    agents = community.drive(community.scenario(**SHORT)).agents
    return [name.partition("/")[0] for name in agents.names]


class TestMasked:
    def test_the_same_run_as_in_the_clear(self, community: Any) -> None:
        """Sums are exact in millionths: powers differ by as little, and so do decisions."""
        clear, secure = (
            community.run(community.foreseen(community.scenario(gap=0.002, horizon="6h", **keys)))
            for keys in ({}, SECURE)
        )
        same = clear["drive/negotiation_rounds"] == secure["drive/negotiation_rounds"]
        assert same.all()
        for name in ("pv", "battery", "ev", "v2g", "heat_pump", "washer"):
            powers = clear[f"{name}/power_kw"], secure[f"{name}/power_kw"]
            np.testing.assert_allclose(*powers, atol=1e-5)

    @pytest.fixture(scope="class")
    @staticmethod
    def heard(tmp_path_factory: pytest.TempPathFactory, community_type: Any) -> Any:
        """Two hours with masked sums: what was masked, into what, and what the models sent."""
        clear, masked = list[Any](), list[Any]()
        mask = SecureSums.masked

        def noting(sums: SecureSums, values: FloatArray) -> Any:
            words = mask(sums, values)
            clear.append(values)
            masked.append(words)
            return words

        made = community_type(tmp_path_factory.mktemp("heard"), None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SecureSums, "masked", noting)
            found = made.run(made.scenario(**SECURE, **SHORT))
        return clear, masked, found

    def test_what_the_coordinator_is_told_are_masked_words(self, heard: Any) -> None:
        """No word of any offer is that of the profile; all bits of the words are used evenly."""
        clear, masked, _ = heard
        assert len(masked) > 30
        told = np.concatenate([words.ravel() for words in masked])
        values = np.concatenate([v.ravel() for v in clear])
        assert not (told == np.rint(values * 1e6).astype(np.int64).view(np.uint64)).any()
        bits = np.unpackbits(told.view(np.uint8)).mean()
        assert bits == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(64 * len(told)))
        message = MaskedOffer(round=0, start_s=0, interval_s=900, words=masked[0][0])
        assert len(message.encoded()) == HEAD + 8 * masked[0].shape[1]

    def test_orders_repeat_nothing(self, community: Any, heard: Any) -> None:
        """It cannot tell what it does not know; the masks' own messages are counted as well.

        By hand for 14 agents with 4 neighbours: keys once (2 messages, 42 + 5 x 32 bytes); a round,
        and the profiles at the begin, who is counted and a seed (2 messages, 42 + 2 + 32 bytes).
        """
        *_, found = heard
        rounds = found["drive/negotiation_rounds"]
        flexible = np.array([agent != "load_agent" for agent in _owners(community)])
        sums = 1 + rounds[:, np.newaxis]
        keys = 2 + 2 * sums
        sent = np.where(flexible, 2 * rounds[:, np.newaxis] + 1, 2)
        assert (found["drive/messages"] == sent + keys).all()
        extra = 42 + 5 * 32 + sums * (42 + 2 + 32)
        offer, order = HEAD + 8 * (COUNT + 1), HEAD
        without = (
            found["drive/message_bytes"]
            - extra
            - np.where(flexible, rounds[:, np.newaxis] * offer + order, offer)
        )
        # What is left are the requests: to the inflexible a single one, with targets or without.
        assert set(without[:, ~flexible].ravel()) <= {HEAD + 16.0 * COUNT, HEAD + 24.0 * COUNT + 8}
        assert (without[:, flexible] >= rounds[:, np.newaxis] * (HEAD + 16 * COUNT)).all()

    @settings(max_examples=20)
    @given(seed=st.integers(0, 2**32 - 1), most_kw=st.sampled_from([0.01, 1.0, 50.0]))
    def test_decisions_depend_on_sums_alone(
        self, two_alike: tuple[Drive, Drive], seed: int, most_kw: float
    ) -> None:
        """Other profiles with the same sum over a net, and as much throughput, change nothing."""
        rng = np.random.default_rng(seed)
        one, other = two_alike
        offers_kw = np.round(rng.normal(0.0, 2.0, (14, 96)), 6)
        offers_kw[:, STEPS:] = 0.0
        free = np.flatnonzero(one._throughput_eur_per_kwh == 0.0)
        moved_kw = np.zeros_like(offers_kw)
        for net in np.unique(one.nets):
            members = free[one.nets[free] == net]
            noise = np.round(rng.normal(0.0, most_kw, (len(members), STEPS)), 6)
            noise[0] -= noise.sum(axis=0)
            moved_kw[members, :STEPS] = noise
        asked = []
        for drive, sent_kw in ((one, offers_kw), (other, offers_kw + moved_kw)):
            drive.round(0, 0, {})
            requested = [drive.round(0, n, {"offer_power_kw": sent_kw}) for n in range(1, 4)]
            asked.append(requested)
        for ours, theirs in zip(*asked, strict=True):
            assert ours is not None
            assert theirs is not None
            assert {
                name for name in ours if ours[name].tobytes() != theirs[name].tobytes()
            } == set()

    def test_a_different_sum_changes_the_request(self, two_alike: tuple[Drive, Drive]) -> None:
        """So that the test above would notice."""
        asked = []
        for drive, drawn_kw in zip(two_alike, (1.0, 1.001), strict=True):
            drive.round(0, 0, {})
            offers_kw = np.zeros((14, 96))
            offers_kw[3, 2] = drawn_kw
            asked.append(drive.round(0, 1, {"offer_power_kw": offers_kw}))
        ours, theirs = asked
        assert ours is not None
        assert theirs is not None
        assert ours["request_target_kw"].tobytes() != theirs["request_target_kw"].tobytes()


@pytest.fixture(scope="module")
def two_alike(tmp_path_factory: pytest.TempPathFactory, community_type: Any) -> Any:
    """Two coordinators of the same scenario, with masked sums."""
    made = community_type(tmp_path_factory.mktemp("alike"), None)
    return tuple(made.drive(made.scenario(**SECURE)) for _ in range(2))


def test_sums_in_the_clear_and_masked_are_the_same() -> None:
    """By hand: two nets of three and four agents."""
    nets = np.array([0, 1, 0, 1, 1, 0, 1])
    profiles_kw = np.arange(14.0).reshape(7, 2)
    contracts_eur = np.arange(7.0) / 10
    expected_kw = [[0 + 4 + 10, 1 + 5 + 11], [2 + 6 + 8 + 12, 3 + 7 + 9 + 13]]
    sums = SecureSums(nets, ["a", "b"], np.random.default_rng(1))
    for aggregation in (PlainSums(nets, 2), MaskedSums(sums, 7)):
        totals = aggregation.totals(profiles_kw, contracts_eur)
        np.testing.assert_allclose(totals.drawn_kw, expected_kw, atol=1e-9)
        assert totals.contracts_eur == pytest.approx(2.1, abs=1e-9)

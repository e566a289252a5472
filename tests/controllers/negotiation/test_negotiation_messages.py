"""Messages on the wire and as text: as long as stated, and nothing but what they say."""

import json
import struct
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.controllers.negotiation.messages import (
    FlexibilityOffer,
    FlexibilityOrder,
    FlexibilityRequest,
)
from gridloom.controllers.negotiation.terms import Terms

FRAME: dict[str, Any] = {"round": 7, "start_s": 1_800, "interval_s": 900}
PROFILE = np.array([1.5, -2.0, 0.1])
HEAD = 21
"""Bytes: kind 1, round 4, length of an interval 4, number of values 4, begin 8."""
profiles = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9)


def request(*, with_target: bool) -> FlexibilityRequest:
    target: dict[str, Any] = {"target_kw": PROFILE / 3, "penalty_eur_per_kw2": 0.25}
    return FlexibilityRequest(
        **FRAME,
        buying_price_eur_per_mwh=PROFILE + 100,
        selling_price_eur_per_mwh=PROFILE + 90,
        **(target if with_target else {}),
    )


@pytest.mark.parametrize(
    ("message", "kind", "values"),
    [
        (request(with_target=False), 1, [*(PROFILE + 100), *(PROFILE + 90)]),
        (request(with_target=True), 1, [*(PROFILE + 100), *(PROFILE + 90), *(PROFILE / 3), 0.25]),
        (FlexibilityOffer(**FRAME, power_kw=PROFILE), 2, [*PROFILE]),
        (FlexibilityOrder(**FRAME, power_kw=PROFILE), 3, [*PROFILE]),
    ],
)
def test_what_is_sent(message: Any, kind: int, values: list[float]) -> None:
    """Little-endian without gaps, by hand: BIIIq and doubles."""
    encoded = message.encoded()
    assert len(encoded) == HEAD + 8 * len(values)
    assert encoded[0] == kind
    assert struct.unpack_from("<III", encoded, 1) == (7, 900, len(values))
    assert struct.unpack_from("<q", encoded, 13) == (1_800,)
    assert list(struct.unpack_from(f"<{len(values)}d", encoded, HEAD)) == values


@given(profiles)
def test_text_and_back(power_kw: list[float]) -> None:
    offer = FlexibilityOffer(**FRAME, power_kw=np.array(power_kw))
    told = json.loads(offer.as_json())
    assert told.pop("type") == "FlexibilityOffer"
    again = FlexibilityOffer(**{**told, "power_kw": np.array(told["power_kw"])})
    assert again.encoded() == offer.encoded()


@pytest.mark.parametrize("with_target", [True, False])
def test_a_request_as_text_leaves_out_what_it_does_not_ask_for(with_target: bool) -> None:
    told = json.loads(request(with_target=with_target).as_json())
    assert ("target_kw" in told) is with_target
    assert told["buying_price_eur_per_mwh"] == [*(PROFILE + 100)]
    assert told["penalty_eur_per_kw2"] == (0.25 if with_target else 0.0)


@given(profiles)
def test_an_offer_tells_its_profile_and_when_it_is_and_nothing_else(power_kw: list[float]) -> None:
    """All that anybody learns of an agent's devices, costs and limits."""
    offer = FlexibilityOffer(**FRAME, power_kw=np.array(power_kw))
    assert {field.name for field in fields(offer)} == {"round", "start_s", "interval_s", "power_kw"}
    assert json.loads(offer.as_json()) == {
        "type": "FlexibilityOffer",
        **FRAME,
        "power_kw": power_kw,
    }
    assert offer.encoded()[HEAD:] == np.array(power_kw, dtype="<f8").tobytes()
    frame = (2, FRAME["round"], FRAME["interval_s"], len(power_kw), FRAME["start_s"])
    assert offer.encoded()[:HEAD] == struct.pack("<BIIIq", *frame)


def test_terms_say_when_the_intervals_begin() -> None:
    terms = Terms(coordinator="mcu", interval_s=900, count=3)
    assert terms.hours == 0.25
    assert terms.horizon.labels == ("0", "900", "1800")
    assert terms.nets.names == ("mcu",)

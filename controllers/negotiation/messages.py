"""The messages of a negotiation, in USEF's words, and how long they are on the wire.

Within a run their numbers travel as arrays of ports; encoded they are what an agent elsewhere
would get, what traffic is counted by, and all that anybody learns of anybody.
"""

import json
import struct
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from gridloom.simulators.model import FloatArray

_HEAD = struct.Struct("<BIIIq")
"""Kind, round, length of an interval, number of values, begin of the first interval."""
_REQUEST, _OFFER, _ORDER, _MASKED_OFFER = 1, 2, 3, 4


@dataclass(frozen=True, kw_only=True)
class FlexibilityRequest:
    """What a coordinator asks of every agent of its net."""

    round: int
    start_s: int
    """Begin of the first interval, seconds since the start of the scenario."""
    interval_s: int
    buying_price_eur_per_mwh: FloatArray
    """(interval,), for consuming more than scheduled, or generating less."""
    selling_price_eur_per_mwh: FloatArray
    """(interval,), for consuming less than scheduled, or generating more; at most the other."""
    target_kw: FloatArray | None = None
    """(interval,), change of its last profile that is asked of an agent; None if prices are all.
    Its last profile is what it offered last to a request with a target; before, in the present
    negotiation, what it does unasked: as ordered last, or scheduled."""
    penalty_eur_per_kw2: float = 0.0
    """Half of it times the square of what strays from the target is added to an agent's cost, an
    interval each."""

    def encoded(self) -> bytes:
        """Return the message as it is sent."""
        parts = [self.buying_price_eur_per_mwh, self.selling_price_eur_per_mwh]
        if self.target_kw is not None:
            parts += [self.target_kw, np.array([self.penalty_eur_per_kw2])]
        return _encoded(_REQUEST, self, np.concatenate(parts))

    def as_json(self) -> str:
        """Return the message as text."""
        return _as_json(self)


@dataclass(frozen=True, kw_only=True)
class Requests:
    """What a coordinator asks in a round: a `FlexibilityRequest` of every net to its agents."""

    round: int
    start_s: int
    """Begin of the first interval, seconds since the start of the scenario."""
    interval_s: int
    buying_price_eur_per_mwh: FloatArray
    """(net, interval), see `FlexibilityRequest`."""
    selling_price_eur_per_mwh: FloatArray
    """(net, interval)."""
    target_kw: FloatArray | None = None
    """(net, interval); None if prices are all."""
    penalty_eur_per_kw2: float = 0.0

    @classmethod
    def of_one(cls, request: FlexibilityRequest) -> "Requests":
        """Return what a coordinator of a single net asks."""
        target_kw = request.target_kw
        return cls(
            round=request.round,
            start_s=request.start_s,
            interval_s=request.interval_s,
            buying_price_eur_per_mwh=request.buying_price_eur_per_mwh[np.newaxis],
            selling_price_eur_per_mwh=request.selling_price_eur_per_mwh[np.newaxis],
            target_kw=None if target_kw is None else target_kw[np.newaxis],
            penalty_eur_per_kw2=request.penalty_eur_per_kw2,
        )

    def of(self, net: int) -> FlexibilityRequest:
        """Return what one net asks of its agents."""
        return FlexibilityRequest(
            round=self.round,
            start_s=self.start_s,
            interval_s=self.interval_s,
            buying_price_eur_per_mwh=self.buying_price_eur_per_mwh[net],
            selling_price_eur_per_mwh=self.selling_price_eur_per_mwh[net],
            target_kw=None if self.target_kw is None else self.target_kw[net],
            penalty_eur_per_kw2=self.penalty_eur_per_kw2,
        )


@dataclass(frozen=True, kw_only=True)
class FlexibilityOffer:
    """What an agent would do, and all that it tells: its profile."""

    round: int
    start_s: int
    interval_s: int
    power_kw: FloatArray
    """(interval,), all devices of the agent together, load convention."""

    def encoded(self) -> bytes:
        """Return the message as it is sent."""
        return _encoded(_OFFER, self, self.power_kw)

    def as_json(self) -> str:
        """Return the message as text."""
        return _as_json(self)


@dataclass(frozen=True, kw_only=True)
class FlexibilityOrder:
    """What an agent shall do: a mean of profiles that it has offered."""

    round: int
    start_s: int
    interval_s: int
    power_kw: FloatArray
    """(interval,), all devices of the agent together, load convention."""

    def encoded(self) -> bytes:
        """Return the message as it is sent."""
        return _encoded(_ORDER, self, self.power_kw)

    def as_json(self) -> str:
        """Return the message as text."""
        return _as_json(self)


@dataclass(frozen=True, kw_only=True)
class MaskedOffer:
    """What an agent would do, readable only in the sum over its net; see `secure_sums`."""

    round: int
    start_s: int
    interval_s: int
    words: NDArray[np.uint64]
    """(interval + 1,), its profile and what its contract grants it, in millionths of a kW and of a
    EUR, masked: integers modulo 2^64."""

    def encoded(self) -> bytes:
        """Return the message as it is sent."""
        head = _HEAD.pack(_MASKED_OFFER, self.round, self.interval_s, len(self.words), self.start_s)
        return head + self.words.astype("<u8").tobytes()

    def as_json(self) -> str:
        """Return the message as text."""
        return _as_json(self)


def _encoded(
    kind: int,
    message: FlexibilityRequest | FlexibilityOffer | FlexibilityOrder,
    values: FloatArray,
) -> bytes:
    head = _HEAD.pack(kind, message.round, message.interval_s, len(values), message.start_s)
    return head + values.astype("<f8").tobytes()


def _as_json(
    message: FlexibilityRequest | FlexibilityOffer | FlexibilityOrder | MaskedOffer,
) -> str:
    fields = {name: value for name, value in asdict(message).items() if value is not None}
    return json.dumps(
        {"type": type(message).__name__}
        | {n: v.tolist() if isinstance(v, np.ndarray) else v for n, v in fields.items()}
    )

"""Answers that need no computing, because those given at prices around are the same."""

from typing import NamedTuple

from gridloom.controllers.negotiation.messages import FlexibilityRequest
from gridloom.simulators.model import FloatArray

_SAME_KW = 1e-9


class _Answer(NamedTuple):
    buying: float
    selling: float
    profile_kw: FloatArray


class KnownAnswers:
    """What one agent has answered in one negotiation, as long as only the prices of now change.

    What an agent draws now never rises with the prices of now: its cost is a convex function of
    that power plus the price of its deviation. Between two prices at which it draws the same, it
    draws that too, and what it does later does not depend on the prices of now.
    """

    def __init__(self) -> None:
        self._answers: list[_Answer] = []
        self._later = (b"", b"")

    def clear(self) -> None:
        """Begin a negotiation: what the agent can do has changed."""
        self._answers.clear()

    def find(self, request: FlexibilityRequest) -> FloatArray | None:
        """Return the profile that answers a request, if that is known."""
        buying, selling = _now(request)
        if self._later != _later(request):
            return None
        below = [a for a in self._answers if a.buying <= buying and a.selling <= selling]
        above = [a for a in self._answers if a.buying >= buying and a.selling >= selling]
        if not below or not above:
            return None
        low = max(below, key=lambda answer: answer.buying + answer.selling)
        high = min(above, key=lambda answer: answer.buying + answer.selling)
        same = abs(low.profile_kw[0] - high.profile_kw[0]) <= _SAME_KW
        return low.profile_kw if same else None

    def add(self, request: FlexibilityRequest, profile_kw: FloatArray) -> None:
        """Remember an answer."""
        later = _later(request)
        if later != self._later:
            self._answers.clear()
            self._later = later
        self._answers.append(_Answer(*_now(request), profile_kw))


def _now(request: FlexibilityRequest) -> tuple[float, float]:
    buying, selling = request.buying_price_eur_per_mwh, request.selling_price_eur_per_mwh
    return float(buying[0]), float(selling[0])


def _later(request: FlexibilityRequest) -> tuple[bytes, bytes]:
    buying, selling = request.buying_price_eur_per_mwh, request.selling_price_eur_per_mwh
    return buying[1:].tobytes(), selling[1:].tobytes()

"""Which connection points a population is at, however many there are."""

from collections.abc import Callable

import pytest
from typing_extensions import override

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext
from gridloom.simulators.profiles.placement import points_at


class Compared(str):
    """A name that counts how often it is compared with another."""

    __slots__ = ()
    comparisons = 0

    @override
    def __eq__(self, other: object) -> bool:
        Compared.comparisons += 1
        return str.__eq__(self, str(other))

    __hash__ = str.__hash__


@pytest.mark.parametrize("at", ["all", "group", "list"])
def test_no_name_is_compared_with_all_others(
    at: str, make_context: Callable[..., BuildContext]
) -> None:
    points = tuple(Compared(f"{i}/LOAD1") for i in range(500))
    context = make_context(connection_points=points, groups={"group": points})
    Compared.comparisons = 0
    assert len(points_at(context, list(points) if at == "list" else at)) == 500
    assert Compared.comparisons < 20 * 500


def test_a_name_given_twice_is_refused_once(make_context: Callable[..., BuildContext]) -> None:
    context = make_context(connection_points=("a", "b"))
    with pytest.raises(ScenarioError) as caught:
        points_at(context, ["a", "b", "a", "a"])
    assert str(caught.value) == "at: named twice: a"

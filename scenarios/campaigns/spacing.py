"""Evenly spaced numbers, exact as they are written."""

from collections.abc import Sequence
from decimal import Decimal, localcontext

from gridloom.scenarios.campaigns.schema import Range

_DIGITS = 12
"""Significant digits of numbers that no decimal fraction is, such as thirds and powers."""


def range_length(numbers: Range) -> int:
    """Return how many numbers a range has.

    >>> range_length(Range.model_validate({"from": 0, "to": 0.3, "step": 0.1}))
    4
    """
    if numbers.step is None:
        return numbers.count or 0
    first, last, step = _exact(numbers.first), _exact(numbers.last), _exact(numbers.step)
    return int((last - first) / step) + 1


def range_numbers(numbers: Range) -> Sequence[int | float]:
    """Return the numbers of a range: whole ones if all are and it is written with whole numbers.

    Steps are added in decimals: three steps of 0.1 are 0.3.

    >>> range_numbers(Range.model_validate({"from": 0, "to": 0.3, "step": 0.1}))
    (0.0, 0.1, 0.2, 0.3)
    >>> range_numbers(Range.model_validate({"from": 1, "to": 1000, "count": 4, "scale": "log"}))
    (1, 10, 100, 1000)
    """
    exact = _spaced(numbers)
    given = (numbers.first, numbers.last, numbers.step or 0)
    whole = all(isinstance(g, int) for g in given) and all(n == n.to_integral() for n in exact)
    return tuple(map(int if whole else float, exact))


def _spaced(numbers: Range) -> list[Decimal]:
    length = range_length(numbers)
    first, last = _exact(numbers.first), _exact(numbers.last)
    if numbers.step is not None:
        step = _exact(numbers.step)
        return [first + i * step for i in range(length)]
    gaps = length - 1
    if numbers.scale == "log":
        ratio = (last / first).ln() / gaps
        inner = [first * (ratio * i).exp() for i in range(1, gaps)]
    else:
        inner = [first + (last - first) * i / gaps for i in range(1, gaps)]
    return [first, *map(_rounded, inner), last]


def _exact(number: float) -> Decimal:
    return Decimal(repr(number))


def _rounded(number: Decimal) -> Decimal:
    with localcontext(prec=_DIGITS):
        return +number

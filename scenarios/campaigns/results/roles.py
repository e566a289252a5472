"""Which of the things that a campaign varies becomes what in its figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from gridloom.scenarios.campaigns.results.factors import Factor, combined
from gridloom.scenarios.campaigns.results.points import Codes

_MOST_LINES, _MOST_PANELS = 12, 9
_SCHEMES = ("scheme", "variant", "schemes", "variants", "controller")
"""How the axis is called that is compared."""


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What a figure shows of what was varied; each factor has exactly one role."""

    points: int
    x: Factor | None
    """Along the horizontal axis."""
    scheme: Factor | None
    """What is compared: one line each."""
    panel: Factor | None
    """One plot each."""
    rest: tuple[Factor, ...]
    """Averaged over."""
    seeds: tuple[Factor, ...]
    """What only repeats the experiment."""

    @property
    def settings(self) -> list[Factor]:
        """All that was varied but the seeds, in the order in which tables list it."""
        return [f for f in (*self.rest, self.panel, self.x, self.scheme) if f is not None]

    @property
    def shown(self) -> list[Factor]:
        """Those that a figure tells apart."""
        return [f for f in (self.panel, self.scheme, self.x) if f is not None]

    @property
    def seed_codes(self) -> Codes:
        """(points,), which repetition each point is."""
        return combined(self.seeds, self.points)

    @property
    def seed_count(self) -> int:
        """How often each combination is computed at most."""
        return len(set(self.seed_codes.tolist()))


def roles_of(factors: Sequence[Factor], points: int) -> Roles:
    """Return what becomes what: schemes are compared over the finest numeric factor."""
    seeds = tuple(factor for factor in factors if factor.is_seed)
    left = [factor for factor in factors if not factor.is_seed and len(factor) > 1]
    scheme = _scheme(left)
    left = _without(left, scheme)
    x = _finest([f for f in left if f.positions is not None]) or _finest(left)
    left = _without(left, x)
    if scheme is None:
        scheme = _coarsest(left, _MOST_LINES)
        left = _without(left, scheme)
    panel = _coarsest(left, _MOST_PANELS)
    return Roles(
        points=points,
        x=x,
        scheme=scheme,
        panel=panel,
        rest=tuple(_without(left, panel)),
        seeds=seeds,
    )


def _scheme(factors: Sequence[Factor]) -> Factor | None:
    named = [f for f in factors if f.positions is None and len(f) <= _MOST_LINES]
    return next((f for f in named if f.name in _SCHEMES), next(iter(named), None))


def _finest(factors: Sequence[Factor]) -> Factor | None:
    return max(factors, key=len, default=None)


def _coarsest(factors: Sequence[Factor], most: int) -> Factor | None:
    return min((f for f in factors if len(f) <= most), key=len, default=None)


def _without(factors: Sequence[Factor], taken: Factor | None) -> list[Factor]:
    return [factor for factor in factors if factor is not taken]

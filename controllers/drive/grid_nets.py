"""The nets of a scenario: its community, or its households, and the limits of its grid."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gridloom.controllers.drive.net_tree import NetTree, side_by_side
from gridloom.controllers.negotiation.terms import Net
from gridloom.simulators.errors import Problem, ScenarioError, listing, nearest
from gridloom.simulators.grid.feeder import Feeder
from gridloom.simulators.grid.feeder_segments import Segments
from gridloom.simulators.model import FloatArray, IntArray, Model
from gridloom.simulators.quantities import Config, Positive
from gridloom.simulators.signals import LINE_CURRENT

_KEY = "congestion"
_COMMUNITY = "community"


class Congestion(Config):
    """The congestion service: which limits of the grid devices keep."""

    points: Literal["heads", "all"] | list[str] = "heads"
    """Congestion points: `heads` are the transformers and lines that supply several customers and
    are weaker than all those above them, such as the first lines of feeders; or `all`, or names."""
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of each rating that is kept free, for losses, reactive power, low voltage, and what
    forecasts miss."""
    limits_kw: dict[str, Positive] = Field(default_factory=dict)
    """Limits in place of ratings, by name of the line or transformer: what the DSO can grant to the
    devices behind it, without margin and losses."""


def nets_of(
    customers: Sequence[str], grid: Model | None, congestion: Congestion | None, *, apart: bool
) -> tuple[NetTree, tuple[Net, ...]]:
    """Return the tree of nets, and which connection points belong to each of its leaves.

    Args:
        customers: connection points that take part.
        grid: whose limits are kept; not looked at without `congestion`.
        congestion: which limits; None for none.
        apart: whether each connection point is a net of its own that shares nothing.

    Raises:
        ScenarioError: limits are asked for that the grid does not have.
    """
    if congestion is None:
        names = tuple(customers) if apart else (_COMMUNITY,)
        members = [(point,) for point in customers] if apart else [tuple(customers)]
        tree = side_by_side(names, np.full(len(names), np.inf))
        return tree, _parts(names, members)
    if apart or grid is None:
        why = "households share no limits" if apart else "there is no grid that has any"
        expected = "balances: community" if apart else "a simulator of type grid"
        raise ScenarioError(Problem(message=why, key=(_KEY,), expected=expected))
    try:
        feeder = Feeder.of(grid)
        feeder.require_radial()
    except ScenarioError as error:
        raise error.below((_KEY,)) from error
    _refuse_single_phases(feeder, grid)
    rated_kw = np.nan_to_num(feeder.segments.rated_kva, nan=np.inf) * (1.0 - congestion.margin)
    kept = _congestion_points(feeder, congestion, rated_kw, customers)
    limits_kw = _limits_kw(feeder, congestion, rated_kw)
    return _within_grid(customers, feeder, kept, limits_kw)


def _parts(names: Sequence[str], members: Sequence[tuple[str, ...]]) -> tuple[Net, ...]:
    return tuple(Net(name=n, points=m) for n, m in zip(names, members, strict=True))


def _refuse_single_phases(feeder: Feeder, grid: Model) -> None:
    """Refuse customers on single phases where the grid tells its phases apart."""
    apart = any(
        port.signal == LINE_CURRENT and port.shape[1] > 1
        for port in grid.ports
        if len(port.shape) > 1
    )
    if apart and not feeder.point_phases.all():
        raise ScenarioError(
            Problem(
                message=f"limits are of three phases together, and '{grid.name}' has customers on "
                "single phases",
                key=(_KEY,),
                expected=f"phases: balanced of '{grid.name}', or no congestion service",
            )
        )


def _limits_kw(feeder: Feeder, congestion: Congestion, rated_kw: FloatArray) -> FloatArray:
    """Return the limit of every segment; infinite where none is known."""
    names, limits_kw = feeder.branch_names, rated_kw.copy()
    for name, limit_kw in congestion.limits_kw.items():
        limits_kw[_segment(feeder, name, names, "limits_kw")] = limit_kw
    return limits_kw


def _segment(feeder: Feeder, name: str, names: Sequence[str], key: str) -> int:
    """Return the segment that a line or transformer belongs to."""
    number = feeder.segments.of_branch[names.index(name)] if name in names else -1
    if number < 0:
        what = "supplies no connection point" if name in names else "is not in the grid"
        raise ScenarioError(
            Problem(
                message=f"'{name}' {what}",
                key=(_KEY, key),
                expected=f"names among {listing(names, limit=12)}",
                suggestion=nearest(name, names),
            )
        )
    return int(number)


def _congestion_points(
    feeder: Feeder, congestion: Congestion, rated_kw: FloatArray, customers: Sequence[str]
) -> list[int]:
    """Return the segments whose limits are kept, parents before children."""
    segments, points = feeder.segments, congestion.points
    everything = range(len(segments))
    if isinstance(points, list):
        found = {_segment(feeder, name, feeder.branch_names, "points") for name in points}
        return sorted(found | _named(feeder, congestion))
    if points == "all":
        return [segment for segment in everything if np.isfinite(rated_kw[segment])]
    weakest = np.full(len(segments), np.inf)
    kept = _named(feeder, congestion)
    several = _customers_below(feeder, customers) > 1
    for segment in everything:
        above = segments.parent[segment]
        weakest[segment] = min(rated_kw[segment], np.inf if above < 0 else weakest[above])
        weaker = rated_kw[segment] < (np.inf if above < 0 else weakest[above])
        if weaker and several[segment]:
            kept.add(segment)
    return sorted(kept)


def _customers_below(feeder: Feeder, customers: Sequence[str]) -> IntArray:
    """Return how many customers each segment supplies."""
    takes_part = np.isin(feeder.point_names, customers)
    at = feeder.segments.of_point[takes_part]
    count = np.bincount(at[at >= 0], minlength=len(feeder.segments))
    before = np.concatenate([[0], np.cumsum(count)])
    below: IntArray = before[feeder.segments.subtree_end] - before[:-1]
    return below


def _named(feeder: Feeder, congestion: Congestion) -> set[int]:
    names = feeder.branch_names
    return {_segment(feeder, name, names, "limits_kw") for name in congestion.limits_kw}


def _within_grid(
    customers: Sequence[str], feeder: Feeder, kept: Sequence[int], limits_kw: FloatArray
) -> tuple[NetTree, tuple[Net, ...]]:
    """Return the tree: the community, the congestion points, and what is right below each."""
    segments = feeder.segments
    around = _kept_above(segments, kept)
    place = {name: number for number, name in enumerate(feeder.point_names)}
    below: dict[int, list[str]] = {}
    for point in customers:
        own = int(segments.of_point[place[point]])
        below.setdefault(-1 if own < 0 else int(around[own]), []).append(point)
    names, parent, limits = [_COMMUNITY], [-1], [np.inf]
    members: dict[int, tuple[str, ...]] = {}
    number = {-1: 0}

    def add_members(segment: int, *, has_nets: bool) -> None:
        points = below.get(segment)
        if not points:
            return
        net = number[segment]
        if has_nets:  # devices belong to leaves
            names.append(f"{names[net]}, other")
            parent.append(net)
            limits.append(np.inf)
            net = len(names) - 1
        members[net] = tuple(points)

    kept_below = _kept_below(segments, kept, around, below)
    holds = {int(around[segments.parent[s]]) if segments.parent[s] >= 0 else -1 for s in kept_below}
    add_members(-1, has_nets=-1 in holds)
    for segment in kept_below:
        above = int(segments.parent[segment])
        outer = int(around[above]) if above >= 0 else -1
        number[segment] = len(names)
        names.append(feeder.branch_names[segments.rating_branch[segment]])
        parent.append(number[outer])
        limits.append(float(limits_kw[segment]))
        add_members(segment, has_nets=segment in holds)
    tree = NetTree(
        names=tuple(names),
        parent=np.array(parent),
        import_limit_kw=np.array(limits),
        export_limit_kw=np.array(limits),
    )
    return tree, _parts(tree.leaf_names, [members[int(net)] for net in tree.leaves])


def _kept_above(segments: Segments, kept: Sequence[int]) -> IntArray:
    """Return the nearest kept segment at or above each; -1 if there is none."""
    around = np.full(len(segments), -1)
    keep = set(kept)
    for segment in range(len(segments)):
        above = segments.parent[segment]
        outer = -1 if above < 0 else around[above]
        around[segment] = segment if segment in keep else outer
    return around


def _kept_below(
    segments: Segments, kept: Sequence[int], around: IntArray, below: dict[int, list[str]]
) -> list[int]:
    """Return the kept segments with customers below them, in order."""
    busy: set[int] = set()
    for segment in below:
        at = segment
        while at >= 0:
            busy.add(at)
            above = int(segments.parent[at])
            at = int(around[above]) if above >= 0 else -1
    return [segment for segment in kept if segment in busy]

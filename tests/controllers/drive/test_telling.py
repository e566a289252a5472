"""What DRivE tells of its nets before anything is negotiated."""

import numpy as np

from gridloom.controllers.drive.net_tree import NetTree, side_by_side
from gridloom.controllers.drive.telling import Telling
from gridloom.controllers.negotiation.terms import Net, Terms
from gridloom.simulators.model import StaticVariable

INF = np.inf


def telling(tree: NetTree, members: dict[str, tuple[str, ...]]) -> Telling:
    parts = tuple(Net(name=name, points=members[name]) for name in tree.leaf_names)
    terms = Terms(coordinator="drive", interval_s=900, count=4, parts=parts)
    return Telling("drive", tree, terms, 3600)


def nested() -> Telling:
    """A community with a transformer; below it a weak feeder, and the rest without a limit."""
    limit_kw = np.array([INF, 225.04, 80.0, INF])
    tree = NetTree(
        names=("community", "trafo", "feeder", "trafo, other"),
        parent=np.array([-1, 0, 1, 1]),
        import_limit_kw=limit_kw,
        export_limit_kw=limit_kw,
    )
    return telling(tree, {"feeder": ("H3",), "trafo, other": ("H1", "H2")})


def statics(told: Telling) -> dict[str, StaticVariable]:
    return {variable.name: variable for variable in told.static()}


def test_each_connection_point_belongs_to_its_innermost_net() -> None:
    static = statics(nested())
    assert static["connection_point"].values.tolist() == ["H3", "H1", "H2"]
    assert static["net_of_connection_point"].values.tolist() == [2, 3, 3]
    assert static["net_of_connection_point"].dimensions == ("connection_point",)
    assert static["parent"].values.tolist() == [-1, 0, 1, 1]


def test_limits_are_remarked_those_of_most_connection_points_first() -> None:
    (remark,) = nested().remarks()
    assert remark == "limits, and connection points below: trafo 225 kW (3), feeder 80 kW (1)"


def test_many_limits_are_cut_short() -> None:
    names = tuple(f"n{place}" for place in range(12))
    tree = side_by_side(names, np.full(12, 5.0))
    (remark,) = telling(tree, {name: (f"H{name}",) for name in names}).remarks()
    assert remark.endswith("n7 5 kW (1), ... (12 in all)")


def test_without_limits_there_is_nothing_to_remark() -> None:
    assert telling(side_by_side(("a",), np.array([INF])), {"a": ("H1",)}).remarks() == ()

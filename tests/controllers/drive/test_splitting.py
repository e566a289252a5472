"""The split among nets against HiGHS's quadratic programming, and in closed form."""

from typing import Any

import highspy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridloom.controllers.drive.net_tree import NetTree, one_level, side_by_side
from gridloom.controllers.drive.splitting import split
from gridloom.controllers.drive.tariffs import Prices
from gridloom.simulators.model import FloatArray


def random_tree(rng: np.random.Generator, nets: int, *, tight: bool) -> NetTree:
    """Return nets in depth-first order; a few roots."""
    parent = [-1]
    for net in range(1, nets):
        around = [net - 1]
        while around[-1] >= 0:
            around.append(parent[around[-1]])
        parent.append(int(rng.choice(around)))
    limits = np.where(rng.random(nets) < 0.6, rng.uniform(1, 20 if tight else 100, nets), np.inf)
    return NetTree(
        names=tuple(f"n{i}" for i in range(nets)),
        parent=np.array(parent),
        import_limit_kw=limits,
        export_limit_kw=limits * rng.uniform(0.3, 1.0, nets),
    )


def optimum(tree: NetTree, prices: Prices, centre: FloatArray, slope: FloatArray) -> float:
    """Return the least cost of one interval, by HiGHS."""
    inf, leaves = highspy.kHighsInf, len(tree.leaves)
    model: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    model.setOptionValue("output_flag", False)
    for _ in range(leaves):
        model.addVar(-inf, inf)
    nets = len(tree)
    below = [
        [int(tree.leaf_number[i]) for i in range(net, tree.end[net]) if tree.leaf_number[i] >= 0]
        for net in range(nets)
    ]
    columns = leaves
    for net in range(nets):
        for limit, sign in ((tree.import_limit_kw[net], 1.0), (tree.export_limit_kw[net], -1.0)):
            if np.isfinite(limit):
                model.addVar(0.0, inf)
                model.changeColCost(columns, prices.overload)
                index = np.array([*below[net], columns])
                value = np.array([sign] * len(below[net]) + [-1.0])
                model.addRow(-inf, float(limit), len(index), index, value)
                columns += 1
    for root in tree.roots:
        model.addVar(0.0, inf)
        model.addVar(0.0, inf)
        model.changeColCost(columns, float(prices.buying[0]))
        model.changeColCost(columns + 1, -float(prices.selling[0]))
        index = np.array([*below[root], columns, columns + 1])
        value = np.array([1.0] * len(below[root]) + [-1.0, 1.0])
        model.addRow(0.0, 0.0, len(index), index, value)
        columns += 2
    constant = 0.0
    for leaf in range(leaves):
        model.changeColCost(leaf, -float(centre[leaf] / slope[leaf]))
        constant += float(centre[leaf] ** 2 / (2 * slope[leaf]))
    hessian = highspy.HighsHessian()
    hessian.dim_ = columns
    hessian.format_ = highspy.HessianFormat.kTriangular
    hessian.start_ = np.minimum(np.arange(columns + 1), leaves).astype(np.int32)
    hessian.index_ = np.arange(leaves, dtype=np.int32)
    hessian.value_ = 1.0 / slope
    model.passHessian(hessian)
    model.run()
    assert model.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(model.getInfo().objective_function_value) + constant


def cost(
    tree: NetTree, prices: Prices, centre: FloatArray, slope: FloatArray, z: FloatArray
) -> float:
    """Return what a split costs."""
    nearness = float(((z[:, 0] - centre) ** 2 / (2 * slope)).sum())
    return nearness + prices.energy_cost_eur(tree, z) + prices.overload_cost_eur(tree, z)


@pytest.mark.parametrize("seed", range(200))
def test_splits_are_as_good_as_those_of_highs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, int(rng.integers(1, 12)), tight=bool(seed % 2))
    selling = rng.uniform(-0.05, 0.1)
    prices = Prices(
        buying=np.array([selling + rng.uniform(0, 0.1)]),
        selling=np.array([selling]),
        overload=float(rng.choice([0.01, 0.1, 5.0])),  # so that exceeding a limit may pay
    )
    leaves = len(tree.leaves)
    centre, slope = rng.normal(0, 20, leaves), rng.uniform(5, 500, leaves)
    found = split(tree, prices, centre[:, np.newaxis], slope)
    best = optimum(tree, prices, centre, slope)
    assert cost(tree, prices, centre, slope, found.leaf_kw) == pytest.approx(best, abs=2e-6)
    # First-order condition: every leaf responds to the price at it.
    responds = centre - slope * found.leaf_price(tree)[:, 0]
    assert found.leaf_kw[:, 0] == pytest.approx(responds, abs=1e-8)


def test_without_limits_the_community_pays_one_price() -> None:
    # Two feeders: one has 4 kW too many, one wants 10 kW: 6 kW are bought (by hand).
    tree = one_level(["a", "b"], np.array([np.inf, np.inf]), root="community")
    prices = Prices(buying=np.array([0.1]), selling=np.array([0.02]), overload=5.0)
    slope = np.array([10.0, 10.0])
    found = split(tree, prices, np.array([[-4.0], [10.0]]) + 0.1 * slope[:, np.newaxis], slope)
    assert found.leaf_kw[:, 0] == pytest.approx([-4.0, 10.0])
    assert found.price[:, 0] == pytest.approx([0.1, 0.1, 0.1])


def test_between_the_prices_nothing_is_traded() -> None:
    tree = one_level(["a", "b"], np.array([np.inf, np.inf]), root="community")
    prices = Prices(buying=np.array([0.1]), selling=np.array([0.02]), overload=5.0)
    found = split(tree, prices, np.array([[-4.0], [5.2]]), np.array([10.0, 10.0]))
    assert found.price[0, 0] == pytest.approx(0.06)  # 1.2 kW over 20 kW per EUR
    assert found.leaf_kw.sum() == pytest.approx(0.0, abs=1e-9)


def test_a_limit_that_nothing_can_help_costs_the_overload_price() -> None:
    tree = side_by_side(["a"], np.array([3.0]))
    prices = Prices(buying=np.array([0.1]), selling=np.array([0.02]), overload=5.0)
    found = split(tree, prices, np.array([[10.0]]), np.array([0.0]))
    assert found.leaf_kw[0, 0] == 10.0
    assert found.price[0, 0] == pytest.approx(5.1)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), start=st.floats(-1.0, 1.0))
def test_where_it_begins_makes_no_difference(seed: int, start: float) -> None:
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, 8, tight=True)
    prices = Prices(buying=np.full(3, 0.1), selling=np.full(3, 0.03), overload=2.0)
    leaves = len(tree.leaves)
    centre, slope = rng.normal(0, 20, (leaves, 3)), rng.uniform(50, 500, leaves)
    cold = split(tree, prices, centre, slope)
    warm = split(tree, prices, centre, slope, np.full((8, 3), start))
    np.testing.assert_allclose(warm.leaf_kw, cold.leaf_kw, atol=1e-7)


def test_flows_are_sums_over_all_within() -> None:
    tree = random_tree(np.random.default_rng(3), 9, tight=True)
    drawn = np.arange(float(len(tree.leaves)))[:, np.newaxis] + 1.0
    flows = tree.flows_kw(drawn)[:, 0]
    for net in range(9):
        inside = [n for n in range(9) if net in ancestors(tree, n)]
        expected = sum(drawn[tree.leaf_number[n], 0] for n in inside if tree.leaf_number[n] >= 0)
        assert flows[net] == pytest.approx(expected)


def ancestors(tree: NetTree, net: int) -> list[int]:
    found = [net]
    while tree.parent[found[-1]] >= 0:
        found.append(int(tree.parent[found[-1]]))
    return found


def test_nets_out_of_order_are_refused() -> None:
    nothing = np.full(4, np.inf)
    with pytest.raises(ValueError, match="'d' does not follow"):
        NetTree(
            names=("a", "b", "c", "d"),
            parent=np.array([-1, 0, 0, 1]),
            import_limit_kw=nothing,
            export_limit_kw=nothing,
        )

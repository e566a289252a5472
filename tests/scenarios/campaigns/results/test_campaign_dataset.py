"""The results of a campaign over its axes."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.scenarios.campaigns.index import About, IndexedRun
from gridloom.scenarios.campaigns.outcome import Fault, RunState
from gridloom.scenarios.campaigns.point import Axis
from gridloom.scenarios.campaigns.results import open_campaign
from gridloom.scenarios.campaigns.results.columns import Column
from gridloom.scenarios.campaigns.results.dataset import campaign_dataset
from gridloom.scenarios.campaigns.results.factors import factors_of, is_product
from gridloom.scenarios.campaigns.results.points import Points, read_points
from gridloom.scenarios.campaigns.results.values import CampaignValues
from gridloom.scenarios.results.kpis.kpi import Kpi

COST = "imbalance_cost_eur"


def axis(name: str, *labels: Any, **told: Any) -> Axis:
    return Axis(name=name, keys=(name,), labels=labels, **told)


def points_of(axes: list[Axis], combinations: list[tuple[Any, ...]]) -> Points:
    names = [each.name for each in axes]
    return read_points(
        axes,
        [
            IndexedRun(
                number=n,
                parameters=dict(zip(names, labels, strict=True)),
                digest=f"{n:010x}",
                folder="",
                state=RunState.COMPLETE,
                attempts=1,
                fault=None,
                reason="",
                detail="",
                wall_time_s=None,
                peak_memory_bytes=None,
                record_bytes=None,
                worker="",
                changed="",
            )
            for n, labels in enumerate(combinations, start=1)
        ],
    )


def test_a_full_product_has_its_axes_as_dimensions(write_campaign: Any) -> None:
    dataset = open_campaign(write_campaign().path).dataset()
    assert dict(dataset.sizes) == {"scheme": 2, "power": 2, "seed": 3}
    assert float(dataset[COST].sel(scheme="amas", power=11.0, seed=3)) == 16.5
    assert dataset[COST].attrs == {"units": "EUR", "long_name": "imbalance cost"}
    assert dataset["power"].attrs == {"units": "kW"}
    assert int(dataset["number"].sel(scheme="basic", power=11.0, seed=1)) == 4


def test_a_run_that_failed_is_nan(write_campaign: Any) -> None:
    def kpis_of(parameters: Any) -> Any:
        cost = Kpi(name=COST, value=1.0, unit="EUR", group="Market", label="cost")
        return Fault.TIMEOUT if parameters["scheme"] == "amas" else [cost]

    dataset = open_campaign(write_campaign(kpis_of=kpis_of).path).dataset()
    assert np.isnan(dataset[COST].sel(scheme="amas")).all()
    assert (dataset[COST].sel(scheme="basic") == 1.0).all()
    assert (dataset["state"].sel(scheme="amas") == "failed").all()


def test_axes_side_by_side_share_a_dimension(write_campaign: Any) -> None:
    axes = [
        axis("power", 3.7, 11.0, unit="kW"),
        axis("fuse", "C16", "C32"),
        axis("seed", 1, 2, 3, is_seed=True),
        axis("scheme", "basic"),
    ]
    points = [
        {"power": power, "fuse": fuse, "seed": seed, "scheme": "basic"}
        for power, fuse in ((3.7, "C32"), (11.0, "C16"))
        for seed in (1, 2, 3)
    ]
    dataset = open_campaign(write_campaign(axes, points=points).path).dataset()
    assert dict(dataset.sizes) == {"power": 2, "seed": 3, "scheme": 1}
    assert dataset["fuse"].dims == ("power",)
    assert list(dataset["fuse"].to_numpy()) == ["C32", "C16"]
    assert float(dataset[COST].swap_dims(power="fuse").sel(fuse="C16", seed=2).squeeze()) == 22.0


def test_listed_combinations_have_one_dimension(write_campaign: Any) -> None:
    points = [
        {"scheme": "basic", "power": 3.7, "seed": 1},
        {"scheme": "basic", "power": 11.0, "seed": 1},
        {"scheme": "amas", "power": 11.0, "seed": 2},
    ]
    dataset = open_campaign(write_campaign(points=points).path).dataset()
    assert dict(dataset.sizes) == {"run": 3}
    assert list(dataset["scheme"].to_numpy()) == ["basic", "basic", "amas"]
    assert list(dataset[COST].to_numpy()) == [3.7, 11.0, 11.0]


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4), shuffle=st.randoms())
def test_every_value_is_where_its_parameters_are(sizes: list[int], shuffle: Any) -> None:
    axes = [axis(f"a{n}", *range(10, 10 + size)) for n, size in enumerate(sizes)]
    combinations = list(product(*(each.labels for each in axes)))
    shuffle.shuffle(combinations)
    points = points_of(axes, combinations)
    values = np.array([sum(10**n * v for n, v in enumerate(c)) for c in combinations], dtype=float)
    dataset = campaign_dataset(
        CampaignValues(
            about=About(name="c", title="", file="", axes=tuple(axes), gridloom_version=""),
            points=points,
            columns=(Column(name="k", of="", unit="1", group="", label="k", headline=False),),
            runs=values[:, np.newaxis],
            run_of_point=np.arange(len(values)),
        )
    )
    assert dict(dataset.sizes) == {f"a{n}": size for n, size in enumerate(sizes)}
    for labels, value in zip(combinations, values, strict=True):
        at = {f"a{n}": label for n, label in enumerate(labels)}
        assert float(dataset["k"].sel(at)) == value


@pytest.mark.parametrize(
    ("combinations", "groups", "whole"),
    [
        ([("u", 1), ("u", 2), ("v", 1), ("v", 2)], [["a"], ["b"]], True),
        ([("u", 1), ("v", 2)], [["a", "b"]], True),
        ([("v", 1), ("u", 2)], [["a", "b"]], True),
        ([("u", 1), ("u", 2), ("v", 1)], [["a"], ["b"]], False),
        ([("u", 1), ("u", 2), ("v", 1), ("v", 1)], [["a"], ["b"]], False),
    ],
)
def test_what_varies_independently(combinations: Any, groups: Any, *, whole: bool) -> None:
    points = points_of([axis("a", "u", "v"), axis("b", 1, 2)], combinations)
    factors = factors_of(points)
    assert [[each.name for each in factor.axes] for factor in factors] == groups
    assert is_product(factors, points) is whole

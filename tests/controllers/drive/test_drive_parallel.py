"""Where devices live makes no difference: threads, processes of a Dask cluster, parts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from gridloom.controllers.drive.central import Share
from gridloom.controllers.drive.district import (
    Devices,
    District,
    LocalDevices,
    Negotiated,
    negotiate,
)
from gridloom.controllers.drive.negotiated_plan import Rigour
from gridloom.controllers.drive.parallel import Build, DaskDevices, ThreadedDevices
from gridloom.controllers.proximal.population import BoolArray

Draw: TypeAlias = Callable[..., tuple[District, list[Share]]]
SomeOf: TypeAlias = Callable[[Share, BoolArray], Share]
HOUSES, SEED, CAP = 290, 0, 0.5


def settled(district: District, devices: Devices) -> Negotiated:
    """Negotiate a while."""
    return negotiate(district, devices, Rigour(gap=0.01, certify_every=10), max_rounds=25)


def assert_same(found: Negotiated, expected: Negotiated) -> None:
    """Assert that two negotiations went the same way, to the last bit."""
    assert found.certificate == expected.certificate
    assert found.rounds == expected.rounds
    np.testing.assert_array_equal(found.drawn_kw, expected.drawn_kw)
    np.testing.assert_array_equal(found.price, expected.price)


@pytest.fixture(scope="module")
def expected(draw: Draw) -> tuple[LocalDevices, Negotiated]:
    """All in one thread of this process."""
    district, shares = draw(HOUSES, SEED, CAP)
    devices = LocalDevices(shares)
    return devices, settled(district, devices)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(
    draw: Draw, expected: tuple[LocalDevices, Negotiated], threads: int
) -> None:
    district, shares = draw(HOUSES, SEED, CAP)
    devices = ThreadedDevices(shares, threads=threads)
    assert_same(settled(district, devices), expected[1])
    for profiles_kw, others_kw in zip(devices.profiles_kw, expected[0].profiles_kw, strict=True):
        np.testing.assert_array_equal(profiles_kw, others_kw)
    devices.close()


def parts_of(shares: list[Share], some_of: SomeOf, cuts: list[int]) -> list[Build]:
    """Return the devices of the leaves up to each cut."""
    edges = zip([0, *cuts], [*cuts, HOUSES], strict=True)
    return [
        partial(tuple, [some_of(s, (s.leaf >= low) & (s.leaf < high)) for s in shares])
        for low, high in edges
    ]


@pytest.fixture
def dask() -> Any:
    """Dask's cluster, if installed."""
    return pytest.importorskip("distributed")


@pytest.fixture
def start(dask: Any, tmp_path: Path) -> Iterator[Callable[[bool], Any]]:
    """Starts two workers, in processes or in threads of this one, and returns their client."""
    with ExitStack() as ends:

        def started(processes: bool) -> Any:
            cluster = dask.LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=processes,
                dashboard_address=None,
                local_directory=tmp_path,
            )
            ends.enter_context(cluster)
            return ends.enter_context(dask.Client(cluster, direct_to_workers=True))

        yield started


@pytest.mark.parametrize("cuts", [[4], [2, 3, 7]])
def test_parts_in_workers_change_nothing(
    draw: Draw,
    some_of: SomeOf,
    expected: tuple[LocalDevices, Negotiated],
    start: Callable[[bool], Any],
    cuts: list[int],
) -> None:
    district, shares = draw(HOUSES, SEED, CAP)
    devices = DaskDevices(start(False), parts_of(shares, some_of, cuts))
    assert_same(settled(district, devices), expected[1])
    # 96 prices and targets to each leaf; 96 sums and a cost back.
    rounds, leaves = expected[1].rounds, len(district.tree.leaves)
    assert devices.sent_bytes == rounds * leaves * (3 * 96 + 1) * 8
    offered_kw = devices.offered(*district.fixed_kw.shape).power_kw
    np.testing.assert_allclose(offered_kw + district.fixed_kw, expected[1].drawn_kw, atol=1e-9)


@pytest.mark.slow
def test_processes_change_nothing(
    draw: Draw,
    some_of: SomeOf,
    expected: tuple[LocalDevices, Negotiated],
    start: Callable[[bool], Any],
) -> None:
    district, shares = draw(HOUSES, SEED, CAP)
    devices = DaskDevices(start(True), parts_of(shares, some_of, [5]))
    assert_same(settled(district, devices), expected[1])


def test_devices_of_a_leaf_must_be_in_one_part(draw: Draw, start: Callable[[bool], Any]) -> None:
    _, shares = draw(39, SEED)
    with pytest.raises(ValueError, match="some leaf has devices in two parts"):
        DaskDevices(start(False), [partial(tuple, shares[:3]), partial(tuple, shares[3:])])


def test_parts_of_a_district_are_the_same_whoever_draws_them(synthetic_district: Any) -> None:
    whole = synthetic_district.SyntheticDistrict(5000, 3)
    assert whole.blocks == 18
    halves = [whole.shares(range(5)), whole.shares(range(5, 18))]
    for number, share in enumerate(whole.shares()):
        parts = [half[number] for half in halves]
        leaf = np.concatenate([part.leaf for part in parts])
        np.testing.assert_array_equal(leaf, share.leaf)
        weight = np.concatenate([part.population.weight for part in parts])
        np.testing.assert_array_equal(weight, share.population.weight)

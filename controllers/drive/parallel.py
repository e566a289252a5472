"""Devices that answer in threads of this process, or in the workers of a Dask cluster.

All devices of a leaf are in one part, and add up in the order of their shares: the sums are the
same to the last bit however many parts there are, and wherever they are.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pickle import loads
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from typing_extensions import override

from gridloom.controllers.drive.central import Share
from gridloom.controllers.drive.district import LocalDevices
from gridloom.controllers.proximal.population import LeafTotals, ProximalRequest, leaf_slices
from gridloom.simulators.model import FloatArray, IntArray

if TYPE_CHECKING:
    from distributed import Client

Build: TypeAlias = Callable[[], Sequence[Share]]
"""Returns devices; called where they shall live."""
_PARTS_PER_THREAD = 4
"""So that no thread waits long for the last one."""


@dataclass
class ThreadedDevices(LocalDevices):
    """Devices in this process, that several threads answer for: operators release the lock."""

    threads: int = field(kw_only=True)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        self._pool = ThreadPoolExecutor(self.threads, "devices")
        leaf = np.sort(np.concatenate([share.leaf for share in self.shares]))
        parts = leaf_slices(leaf, self.threads * _PARTS_PER_THREAD)
        self._parts = [(leaf[part.start], leaf[part.stop - 1] + 1) for part in parts]
        """First leaf of each part, and that after its last."""

    @override
    def answer(self, request: ProximalRequest) -> LeafTotals:
        totals = LeafTotals.zeros(*request.price_eur_per_kw.shape)
        keep = request.penalty_eur_per_kw2 > 0.0
        told_kw = [kw if keep else np.zeros_like(kw) for kw in self.profiles_kw]

        def answer_part(leaves: tuple[int, int]) -> None:
            for share, profile_kw in zip(self.shares, told_kw, strict=True):
                devices = slice(*np.searchsorted(share.leaf, leaves))
                share.population.respond(request, share.leaf, profile_kw, totals, devices=devices)

        list(self._pool.map(answer_part, self._parts))
        return totals

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


class DaskDevices:
    """Devices that live in the workers of a Dask cluster, one part or several in each.

    They are built there and stay there. In a round, a part is sent prices and targets of its
    leaves, and sends back what each draws in all; profiles stay where they are.
    """

    def __init__(self, client: "Client", builds: Sequence[Build]) -> None:
        """Build the parts, one after another on each worker in turn.

        Args:
            client: of the cluster; with ``direct_to_workers=True`` requests pass the scheduler by.
            builds: of each part; must be importable, or be pickled whole, by the workers.

        Raises:
            ValueError: two parts have devices at the same leaf.
        """
        # Dask is an extra.
        from distributed.protocol.pickle import dumps

        workers = sorted(client.nthreads())  # type: ignore[no-untyped-call]
        homes = [workers[number % len(workers)] for number in range(len(builds))]
        pickled = [dumps(build) for build in builds]  # type: ignore[no-untyped-call]
        made = [
            client.submit(_Part, build, actor=True, workers=[home], pure=False)
            for build, home in zip(pickled, homes, strict=True)
        ]
        self._parts: list[Any] = [part.result() for part in made]
        told = [part.leaves_and_weights() for part in self._parts]
        leaves_and_weights = [one.result() for one in told]
        self._leaves: list[IntArray] = [leaves for leaves, _ in leaves_and_weights]
        self._weights: list[FloatArray] = [weights for _, weights in leaves_and_weights]
        self.sent_bytes = 0
        """Numbers in requests and answers, both ways, without what frames them."""
        everywhere = np.concatenate(self._leaves)
        if len(np.unique(everywhere)) != len(everywhere):
            raise ValueError("some leaf has devices in two parts")

    def answer(self, request: ProximalRequest) -> LeafTotals:
        """Return the totals of the answers; see `Devices`."""
        totals = LeafTotals.zeros(*request.price_eur_per_kw.shape)
        asked = []
        for part, leaves in zip(self._parts, self._leaves, strict=True):
            price, target_kw = request.price_eur_per_kw[leaves], request.target_kw[leaves]
            asked.append(part.answer(price, target_kw, request.penalty_eur_per_kw2))
            self.sent_bytes += price.nbytes + target_kw.nbytes
        for answered, leaves in zip(asked, self._leaves, strict=True):
            power_kw, cost_eur = answered.result()
            totals.power_kw[leaves], totals.cost_eur[leaves] = power_kw, cost_eur
            self.sent_bytes += power_kw.nbytes + cost_eur.nbytes
        return totals

    def offered(self, leaves: int, intervals: int) -> LeafTotals:
        """Return the totals of the last profiles; see `Devices`."""
        totals = LeafTotals.zeros(leaves, intervals)
        asked = [part.offered(intervals) for part in self._parts]
        for answered, here in zip(asked, self._leaves, strict=True):
            totals.power_kw[here], totals.cost_eur[here] = answered.result()
        return totals

    def weight(self, leaves: int) -> FloatArray:
        """Return the weight of the devices of each leaf in all: (leaf,)."""
        weight = np.zeros(leaves)
        for here, weights in zip(self._leaves, self._weights, strict=True):
            weight[here] = weights
        return weight


class _Part:
    """Devices in a worker: an actor. Leaves are numbered within the part.

    Arrays as Dask sends them are read-only, for which kernels would be compiled anew, and round
    otherwise. Therefore what builds the devices comes pickled, and prices are copied.
    """

    def __init__(self, pickled: bytes) -> None:
        build: Build = loads(pickled)  # noqa: S301 -- Dask itself does nothing else
        shares = build()
        self._leaves = np.unique(np.concatenate([share.leaf for share in shares]))
        self._devices = LocalDevices(
            [
                Share(population=s.population, leaf=np.searchsorted(self._leaves, s.leaf))
                for s in shares
            ]
        )

    def leaves_and_weights(self) -> tuple[IntArray, FloatArray]:
        """Return which leaves have devices here, and the weight of these: both (leaf,)."""
        return self._leaves, self._devices.weight(len(self._leaves))

    def offered(self, intervals: int) -> tuple[FloatArray, FloatArray]:
        """Return what the leaves draw by the last profiles, and what contracts grant for it."""
        totals = self._devices.offered(len(self._leaves), intervals)
        return totals.power_kw, totals.cost_eur

    def answer(
        self, price: FloatArray, target_kw: FloatArray, penalty: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return what the leaves draw, (leaf, interval), and what contracts grant, (leaf,)."""
        request = ProximalRequest(
            price_eur_per_kw=price.copy(), target_kw=target_kw.copy(), penalty_eur_per_kw2=penalty
        )
        totals = self._devices.answer(request)
        return totals.power_kw, totals.cost_eur

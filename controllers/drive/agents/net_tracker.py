"""Real-time tracking: devices keep their net to its plan between two negotiations."""

from collections.abc import Sequence

import numpy as np

from gridloom.controllers.negotiation.terms import Terms
from gridloom.simulators.model import FloatArray, IntArray


class NetTracker:
    """Shares out what nets stray from their plans among devices, by rated power."""

    def __init__(
        self,
        terms: Terms,
        nets: IntArray,
        points: Sequence[str],
        *,
        share: float,
        rated_power_kw: FloatArray,
    ) -> None:
        """Find out who is where.

        Args:
            terms: the nets.
            nets: (device,), that each belongs to.
            points: connection points whose power, the devices' own apart, is measured.
            share: of a deviation, that the devices make up for in a step.
            rated_power_kw: (device,).
        """
        count = len(terms.nets)
        members = {point for net in terms.parts for point in net.points}
        metered = [point for point in points if not terms.parts or point in members]
        place = {point: number for number, point in enumerate(points)}
        self._metered = np.array([place[point] for point in metered], dtype=np.int64)
        self._metered_net = terms.nets_at(metered)
        self._nets, self._count, self._gain = nets, count, share
        in_all_kw = self._by_net(nets, rated_power_kw)[nets]
        self._share = np.divide(
            rated_power_kw, in_all_kw, out=np.zeros(len(nets)), where=in_all_kw > 0
        )

    def corrected_kw(
        self, drawn_kw: FloatArray, others_kw: FloatArray, order_kw: FloatArray
    ) -> FloatArray:
        """Return what the devices shall draw from now on.

        Args:
            drawn_kw: (device,), what they drew in the last step.
            others_kw: (point,), what all other devices drew then.
            order_kw: (net,), what all shall draw; NaN where nothing is ordered.
        """
        measured_kw = self._by_net(self._metered_net, others_kw[self._metered])
        measured_kw += self._by_net(self._nets, drawn_kw)
        deviation_kw = np.nan_to_num(measured_kw - order_kw)
        return drawn_kw - self._gain * self._share * deviation_kw[self._nets]

    def _by_net(self, nets: IntArray, values: FloatArray) -> FloatArray:
        total = np.zeros(self._count)
        np.add.at(total, nets, values)
        return total

"""Hands out the rows of precomputed blocks, one a step."""

from collections.abc import Callable

from gridloom.simulators.model import FloatArray, Outputs

_BLOCK_S = 3600


class Playback:
    """Serves a model's outputs from arrays computed about an hour at a time.

    A step then costs two array views. The arrays are read-only: they may be handed out as they are.
    """

    def __init__(
        self, compute: Callable[[int, int], Outputs], step_size: int, until_s: int
    ) -> None:
        """Serve ``compute(start, stop)``: arrays (step, element) by port name."""
        self._compute = compute
        self._step_size = step_size
        self._until_s = until_s
        self._start_s = 0
        self._stop_s = 0
        self._block: Outputs = {}

    def at(self, time: int) -> Outputs:
        """Return the arrays that hold over [time, time + step_size)."""
        if not self._start_s <= time < self._stop_s:
            self._turn_to(time)
        row = (time - self._start_s) // self._step_size
        return {name: block[row] for name, block in self._block.items()}

    def mean(self, name: str, start: int, stop: int) -> FloatArray:
        """Return the average of one output over the steps in [start, stop): (element,)."""
        inside = self._start_s <= start and stop <= self._stop_s
        begin = self._start_s if inside else start
        block = self._block if inside else self._compute(start, stop)
        rows = slice((start - begin) // self._step_size, (stop - begin) // self._step_size)
        mean: FloatArray = block[name][rows].mean(axis=0)
        return mean

    def _turn_to(self, time: int) -> None:
        length = max(1, _BLOCK_S // self._step_size) * self._step_size
        self._start_s = time
        self._stop_s = max(min(time + length, self._until_s), time + self._step_size)
        self._block = self._compute(self._start_s, self._stop_s)
        for block in self._block.values():
            block.setflags(write=False)

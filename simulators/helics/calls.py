"""Calls into C that may block for ever, made so that gridloom itself never does."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Any, TypeVar

T = TypeVar("T")
_LOOK_S = 0.05
"""How often the caller looks about while it waits."""


class BlockingCalls:
    """A thread that makes one call after the other, while the caller waits as long as it likes.

    A call that is given up stays behind in the thread; it must be ended by other means before
    another one can be made. The thread does not keep the interpreter from ending.
    """

    def __init__(self, name: str) -> None:
        self._waiting: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, call: Callable[[], T], until: float, look: Callable[[], None]) -> T:
        """Return what ``call`` returns, or raise what it raises.

        Args:
            call: made in the thread.
            until: when to give up, as `time.monotonic` counts.
            look: called again and again while waiting; an exception it raises ends the wait.

        Raises:
            TimeoutError: the call has not returned by then.
        """
        future: Future[T] = Future()
        self._waiting.put((call, future))
        while True:
            left_s = until - monotonic()
            try:
                return future.result(timeout=max(min(_LOOK_S, left_s), 0.0))
            except TimeoutError:
                if future.done():
                    raise
            look()
            if left_s <= 0:
                raise TimeoutError

    def end(self, within_s: float) -> bool:
        """End the thread once its last call has returned; tell whether that was in time."""
        self._waiting.put(None)
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None:
            call, future = job
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 -- raised where the caller waits
                future.set_exception(error)

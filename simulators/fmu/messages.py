"""What FMUs say through the standard's logger: the last lines of each instance, for its errors."""

import ctypes
import itertools
import logging
from collections import deque
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

_KEPT = 5
_STATUS = ("ok", "warning", "discard", "error", "fatal", "pending")
_log = logging.getLogger("gridloom.simulators.fmu")
_keys = itertools.count(1)
_by_key: "WeakValueDictionary[int, Messages]" = WeakValueDictionary()


class Messages:
    """The last messages of one instance."""

    def __init__(self, instance: str, *, shown: bool) -> None:
        self._instance = instance
        self._shown = shown
        self._last: deque[str] = deque(maxlen=_KEPT)
        self.key = next(_keys)
        """Number by which the FMU names this object when it calls the logger."""
        _by_key[self.key] = self

    def add(self, status: int, text: bytes | None) -> None:
        """Keep a message; called from native code, so that it must not raise."""
        words = (text or b"").decode("utf-8", errors="replace").strip()
        label = _STATUS[status] if 0 <= status < len(_STATUS) else str(status)
        self._last.append(f"[{label}] {words}")
        if self._shown:
            _log.info("%s: [%s] %s", self._instance, label, words)

    def tail(self) -> str:
        """Return the last messages as the end of an error's text, or ''."""
        return "".join(f"\n  {line}" for line in self._last)


@cache
def _shared_callbacks() -> Any:
    """Return the one FMI 2.0 callback structure that all instances' structures are copies of.

    FMPy's proxy, which fills in the messages' printf arguments, forwards to one logger a process.
    """
    import fmpy.logging
    from fmpy import fmi2

    def logger(environment: int | None, _name: bytes, status: int, _: bytes, text: bytes) -> None:
        messages = _by_key.get(environment or 0)
        if messages is not None:
            messages.add(status, text)

    shared = fmi2.fmi2CallbackFunctions()
    shared.logger = fmi2.fmi2CallbackLoggerTYPE(logger)
    shared.allocateMemory = fmi2.defaultCallbacks.allocateMemory
    shared.freeMemory = fmi2.defaultCallbacks.freeMemory
    fmpy.logging.addLoggerProxy(ctypes.byref(shared))
    return shared


def fmi2_callbacks(messages: Messages) -> Any:
    """Return the callback structure of one FMI 2.0 instance; keep it as long as the instance."""
    shared = _shared_callbacks()
    own = type(shared).from_buffer_copy(shared)
    own.componentEnvironment = messages.key
    return own


def fmi3_logger(messages: Messages) -> Any:
    """Return the logger of one FMI 3.0 instance."""

    def logger(_environment: int | None, status: int, _category: bytes, text: bytes) -> None:
        messages.add(status, text)

    return logger

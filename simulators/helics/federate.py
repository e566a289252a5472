"""gridloom's own federate: what it does with the library of HELICS.

Some of these calls wait for others; whoever makes them must not mind (see `calls`).
"""

import warnings
from collections.abc import Mapping, Sequence
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from gridloom.simulators.errors import nearest
from gridloom.simulators.helics.broker import HEARTBEAT_S, MESSAGE_BYTES
from gridloom.simulators.helics.variables import (
    ExchangeError,
    Publication,
    Subscription,
    Variable,
    publications_of,
)
from gridloom.simulators.model import FloatArray

_ERROR_CODE = -101
_QUERY_S = 1.0
_LOOK_S = 0.0005
_TIME_STATE = "global_time_debugging"
"""What a federate knows of the times of those it exchanges with; answered without asking them."""
_NEVER_S = 9.2e9
"""HELICS says that a federate will never act again by this time, the largest it knows."""


class Federate:
    """gridloom among the federates of a federation."""

    def __init__(self, helics: Any, name: str, core_type: str, broker: str) -> None:
        """Connect to the broker; waits for its answer."""
        self._helics = helics
        info = helics.helicsCreateFederateInfo()
        helics.helicsFederateInfoSetCoreTypeFromString(info, core_type)
        # Without a name, HELICS would join a core of another federation in this process.
        helics.helicsFederateInfoSetCoreName(info, f"{name}-{uuid4()}")
        helics.helicsFederateInfoSetCoreInitString(
            info,
            f"--federates=1 --broker={broker} --tick={HEARTBEAT_S}s --maxsize={MESSAGE_BYTES} "
            "--loglevel=no_print",
        )
        helics.helicsFederateInfoSetIntegerProperty(
            info, helics.HELICS_PROPERTY_INT_LOG_LEVEL, helics.HELICS_LOG_LEVEL_NO_PRINT
        )
        # Only the end of a step is of interest, not every value that comes before it.
        uninterruptible = helics.HELICS_FLAG_UNINTERRUPTIBLE
        helics.helicsFederateInfoSetFlagOption(info, uninterruptible, True)  # noqa: FBT003
        self._name = name
        self._federate = helics.helicsCreateValueFederate(name, info)
        self._subscriptions: list[Subscription] = []
        self._publications: list[Publication] = []
        self._names: dict[int, str] = {}
        self._listeners: frozenset[int] = frozenset()

    def register(self, subscribes: Sequence[Variable], publishes: Sequence[Variable]) -> None:
        """Make its inputs and publications known."""
        made = self._helics, self._federate
        self._subscriptions = [Subscription(*made, each) for each in subscribes]
        self._publications = [Publication(*made, each) for each in publishes]

    def join(self) -> None:
        """Wait until all federates have joined."""
        self._helics.helicsFederateEnterInitializingMode(self._federate)

    def await_initial_values(self) -> None:
        """Wait until the others have published their initial values, and receive them."""
        helics = self._helics
        helics.helicsFederateEnterExecutingModeIterative(
            self._federate, helics.HELICS_ITERATION_REQUEST_FORCE_ITERATION
        )

    def begin(self) -> None:
        """Wait until all are ready to begin at time 0."""
        self._helics.helicsFederateEnterExecutingMode(self._federate)

    def advance(self, time_s: float) -> None:
        """Wait until the others have got to a time."""
        self._helics.helicsFederateRequestTime(self._federate, time_s)

    def check_sources(self) -> None:
        """Look whether all that is subscribed to exists, and is what it should be.

        Raises:
            ExchangeError: naming what does not.
        """
        wanted = publications_of(self._subscriptions)
        answer = self.query("root", "unconnected_interfaces")
        missing = sorted(set(answer.get("unknown_publications", ())) & set(wanted))
        if missing:
            hint = nearest(missing[0], self.query("root", "publications") or ())
            more = f" ({len(missing)} such names)" if len(missing) > 1 else ""
            raise ExchangeError(
                f"no federate publishes '{missing[0]}'{more}{', ' if hint else ''}{hint}",
                wanted[missing[0]],
            )
        for each in self._subscriptions:
            each.check_sources()

    def learn_names(self) -> None:
        """Learn what the others are called, for errors to come."""
        for core in self.query("root", "global_time").get("cores", ()):
            names = [each["attributes"]["name"] for each in core.get("federates", ())]
            for each in core.get("federates", ()):
                self._names[each["attributes"]["id"]] = each["attributes"]["name"]
            self._names[core["attributes"]["id"]] = ", ".join(names)
        self.departures()

    def publish(self, values: Mapping[str, FloatArray]) -> None:
        """Publish signals by name."""
        for each in self._publications:
            each.send(values[each.variable.exchanged.signal.name])

    def receive(self) -> None:
        """Take over what the others have published.

        Raises:
            ExchangeError: a value cannot be right.
        """
        for each in self._subscriptions:
            each.receive()

    def known_values(self) -> dict[str, FloatArray]:
        """Return the signals whose elements have all told a value."""
        return {
            each.variable.exchanged.signal.name: each.signal_values()
            for each in self._subscriptions
            if each.is_complete
        }

    def check_complete(self) -> None:
        """Look whether all that is subscribed to has told a value.

        Raises:
            ExchangeError: naming the first that has not.
        """
        for each in self._subscriptions:
            each.check_complete()

    def departures(self) -> tuple[list[str], bool]:
        """Return who of those that receive from here has left, and whether anybody has.

        HELICS goes on with the last values of those who leave and says nothing, so it has to be
        asked. Who receives nothing from here is not held back by HELICS: such a federate may be
        far ahead, and have left when it was through.
        """
        state = self._time_state()
        present = frozenset(state.get("dependents", ()))
        self._listeners |= present
        left = sorted(self._names.get(each, str(each)) for each in self._listeners - present)
        others_left = any(
            each.get("next", 0.0) >= _NEVER_S and each.get("state") == "granted"
            for each in state.get("dependencies", ())
        )
        return left, bool(left) or others_left

    def joined(self) -> list[str]:
        """Return the names of the others that have joined so far."""
        names = self.query("root", "federates")
        return sorted(set(names) - {self._name}) if isinstance(names, list) else []

    def busy(self) -> list[str]:
        """Return the names of those that gridloom waits for and that have not asked to go on."""
        state = self.query(self._name, _TIME_STATE)
        return sorted(
            self._names.get(each["id"], str(each["id"]))
            for each in state.get("dependencies", ())
            if each.get("state") == "granted" and each.get("next", 0.0) < _NEVER_S
        )

    def name_of(self, number: int) -> str:
        """Return the name behind a number in a message of HELICS, or ''."""
        return self._names.get(number, "")

    def query(self, target: str, what: str) -> Any:
        """Return the answer to a query; an empty one if it does not come within a second."""
        helics = self._helics
        query = helics.helicsCreateQuery(target, what)
        helics.helicsQueryExecuteAsync(query, self._federate)
        until = monotonic() + _QUERY_S
        while not helics.helicsQueryIsCompleted(query):
            if monotonic() > until:
                return {}
            sleep(_LOOK_S)
        with warnings.catch_warnings():
            # The binding warns where an answer is no JSON, such as "#disconnected".
            warnings.simplefilter("ignore", UserWarning)
            answer = helics.helicsQueryExecuteComplete(query)
        helics.helicsQueryFree(query)
        return {} if isinstance(answer, str) else answer

    def leave(self) -> None:
        """Say farewell; waits until the others have heard."""
        self._helics.helicsFederateDisconnect(self._federate)

    def fail(self, message: str) -> None:
        """Stop the whole federation, and whatever call of this federate waits for it."""
        self._helics.helicsFederateGlobalError(self._federate, _ERROR_CODE, message)

    def free(self) -> None:
        """Give back what HELICS holds for this federate."""
        self._helics.helicsFederateFree(self._federate)

    def _time_state(self) -> Any:
        """Return what this federate knows of the others' times."""
        query = self._helics.helicsCreateQuery(self._name, _TIME_STATE)
        answer = self._helics.helicsQueryExecute(query, self._federate)
        self._helics.helicsQueryFree(query)
        return answer

"""A federation as gridloom takes part in it: started, stepped and ended within stated times.

**Time.** HELICS' time and gridloom's are the same: seconds since the scenario's start. gridloom
acts an instant before each of its steps begins, so that whoever else acts at time t already has
what gridloom sends for the step from t on, and gridloom has what others publish from t on as the
outcome of that very step, whatever their own step sizes. At time 0 HELICS' initialising mode is
that instant.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TypeVar

from gridloom.simulators.errors import SimulatorError, listing
from gridloom.simulators.helics.broker import reach, start_broker
from gridloom.simulators.helics.calls import BlockingCalls
from gridloom.simulators.helics.config import BrokerAddress, FederationConfig
from gridloom.simulators.helics.federate import Federate
from gridloom.simulators.helics.library import broker_program, load_helics
from gridloom.simulators.helics.processes import Program, arguments, indented
from gridloom.simulators.helics.variables import ExchangeError, Variable
from gridloom.simulators.model import BuildContext, Inputs, Outputs
from gridloom.simulators.quantities import format_duration

T = TypeVar("T")
INSTANT_S = 1e-6
"""How long before a step gridloom acts; no federate can have a time step below this."""
_FAREWELL_S = 2.0
"""What HELICS may take for its own ending."""
_CAUSE_S = 1.0
"""What a program may take to end after its federate has left."""
_log = logging.getLogger(__name__)


class Federation:
    """gridloom's federate, the broker, and the programs of the others that gridloom starts.

    start(), step(0), step(step_size), ..., close(); none of them waits longer than configured.
    """

    def __init__(
        self,
        config: FederationConfig,
        context: BuildContext,
        *,
        sends: Sequence[Variable],
        receives: Sequence[Variable],
    ) -> None:
        """Take down what is to be done; nothing is started yet.

        Raises:
            ScenarioError: HELICS is not installed, or lacks its broker.
        """
        self._helics = load_helics()
        self._program = broker_program(self._helics) if config.broker == "start" else ""
        self._config = config
        self._context = context
        self._sends, self._receives = sends, receives
        self._programs: list[Program] = []
        self._ended: set[Program] = set()
        self._broker: Program | None = None
        self._calls: BlockingCalls | None = None
        self._federate: Federate | None = None
        self._time: int | None = None
        self._reached = 0
        self._failure = ""
        self._until = 0.0

    def start(self) -> Outputs:
        """Start what is to be started, wait for all to join, and return the initial values.

        Raises:
            SimulatorError: this failed, or took longer than `start_timeout`.
        """
        self._until = monotonic() + self._config.start_timeout
        with self._explained():
            address = self._reach_broker()
            self._start_programs(address)
            federate = self._join(address)
            federate.check_sources()
            federate.learn_names()
            self._wait(federate.await_initial_values, self._not_initialised)
            federate.receive()
            return federate.known_values()

    def step(self, time: int, inputs: Inputs) -> Outputs:
        """Publish the inputs of a step, let the others act in it, and return what they published.

        Raises:
            SimulatorError: a federate failed, left, or took longer than `step_timeout`.
        """
        assert self._federate is not None  # noqa: S101 -- started before the first step
        federate, first = self._federate, self._time is None
        self._time = time
        self._until = monotonic() + self._config.step_timeout
        end = time + self._config.step_size
        with self._explained():
            self._look()  # whoever receives nothing from here is not waited for
            self._tell_endings(time)
            federate.publish(inputs)
            if first:
                self._wait(federate.begin, self._late)
            self._wait(lambda: federate.advance(end - INSTANT_S), self._late)
            self._check_departures(federate, end)
            federate.receive()
            federate.check_complete()
            self._reached = end
            return federate.known_values()

    def close(self) -> None:
        """End the federation and everything that was started for it; does nothing the second time.

        After the last step the others may take `stop_timeout` to end by themselves.
        """
        calls, self._calls = self._calls, None
        if calls is not None:
            self._depart(calls)
        until = monotonic() + self._config.stop_timeout
        for program in self._programs:
            if self._is_complete:
                self._await_end(program, until)
            program.kill()
        if self._broker is not None:
            if self._is_complete:
                self._broker.wait(_FAREWELL_S)
            self._broker.kill()
        self._programs, self._broker = [], None

    @property
    def _is_complete(self) -> bool:
        return self._reached >= self._context.duration_s

    def _reach_broker(self) -> str:
        config = self._config
        if isinstance(config.broker, BrokerAddress):
            address = config.broker.address
        else:
            federates = config.other_federates + 1
            self._broker, address = start_broker(self._program, config.core_type, federates)
        try:
            reach(address, self._until, self._look)
        except TimeoutError:
            cause = f"no broker listens at {address} ({self._waited(config.start_timeout)})"
            raise self._error(cause) from None
        return address

    def _start_programs(self, address: str) -> None:
        values = {
            "broker": address,
            "core_type": self._config.core_type,
            "step_size_s": str(self._config.step_size),
            "duration_s": str(self._context.duration_s),
            "python": sys.executable,
        }
        folder = next((each for each in self._context.folders if each.is_dir()), Path())
        for command in self._config.commands:
            filled = arguments(command, values)
            try:
                self._programs.append(Program(filled, folder))
            except OSError as error:
                cause = f"'{filled[0]}' cannot be started: {error.strerror}"
                raise self._error(cause) from error

    def _join(self, address: str) -> Federate:
        config = self._config
        self._calls = BlockingCalls(f"helics {self._context.name}")
        self._federate = federate = self._wait(
            lambda: Federate(self._helics, config.federate_name, config.core_type, address),
            lambda: f"{address} does not answer as a broker of HELICS ({config.core_type})",
        )
        federate.register(self._sends, self._receives)
        self._wait(federate.join, self._not_joined)
        return federate

    def _wait(self, call: Callable[[], T], late: Callable[[], str]) -> T:
        """Return what a call returns; give up, saying what ``late`` returns, when it is time."""
        assert self._calls is not None  # noqa: S101 -- made before the first call
        try:
            return self._calls.run(call, self._until, self._look)
        except TimeoutError:
            config = self._config
            given_s = config.start_timeout if self._time is None else config.step_timeout
            raise self._error(f"{late()} ({self._waited(given_s)}){self._outputs()}") from None

    def _look(self) -> None:
        """Raise if a program that must run has ended."""
        if self._broker is not None and self._broker.exit_code is not None:
            raise self._error(self._broker.ending("the broker"))
        for program in self._programs:
            code = program.exit_code
            if code or (code == 0 and self._time is None):
                raise self._error(program.ending("a federate's program"))

    def _tell_endings(self, time: int) -> None:
        """Warn, once each, of programs that ended in peace while values may be missed."""
        for program in self._programs if self._sends else ():
            if program.exit_code == 0 and program not in self._ended:
                self._ended.add(program)
                told = "%s: '%s' ended at %d s; after what is still to come, its last values hold"
                _log.warning(told, self._context.name, program.name, time)

    def _check_departures(self, federate: Federate, end: int) -> None:
        """Raise if somebody has left who is still needed, or failed by the last step."""
        left, anybody = federate.departures()
        is_last = end >= self._context.duration_s
        if left or (anybody and is_last):
            self._await_cause()
        if left and not is_last:
            raise self._error(
                f"{listing(left)} left the federation before the end of the run "
                f"({self._context.duration_s} s){self._outputs()}"
            )

    def _await_cause(self) -> None:
        """Raise if a program ends by an error in a moment: that says more than HELICS does."""
        until = monotonic() + _CAUSE_S
        for program in self._programs:
            if program.wait(until - monotonic()):
                raise self._error(program.ending("a federate's program"))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn whatever goes wrong into an error that names the federation and the time."""
        try:
            yield
        except SimulatorError:
            raise
        except ExchangeError as error:
            raise self._error(str(error), error.element) from error
        except OSError as error:
            raise self._error(f"the federation cannot be started: {error}") from error
        except self._helics.HelicsException as error:
            self._await_cause()
            raise self._error(f"{self._named(str(error))}{self._outputs()}") from error

    def _error(self, cause: str, element: str = "") -> SimulatorError:
        error = SimulatorError(self._context.name, self._time, cause, element=element)
        self._failure = str(error)
        return error

    def _named(self, message: str) -> str:
        """Return a message of HELICS with the federates' names for their numbers."""
        text = re.sub(r"^\[-?\d+\] ", "", message)
        return re.sub(r"\d{6,}", lambda m: self._name_of(int(m[0])), text)

    def _name_of(self, number: int) -> str:
        name = self._federate.name_of(number) if self._federate is not None else ""
        return f"'{name}'" if name else str(number)

    def _outputs(self) -> str:
        """Return the last lines that the programs wrote, for the end of an error."""
        told = [(program.name, program.tail()) for program in self._programs]
        return "".join(f"\n{name} wrote:\n{indented(tail)}" for name, tail in told if tail)

    def _not_joined(self) -> str:
        joined = self._federate.joined() if self._federate is not None else []
        names = f": {listing(joined)}" if joined else ""
        return f"{len(joined)} of {self._config.other_federates} federates have joined{names}"

    def _not_initialised(self) -> str:
        return "all federates have joined, but not all have entered executing mode"

    def _late(self) -> str:
        names = self._federate.busy() if self._federate is not None else []
        return f"{listing(names) or 'a federate'} did not finish the step"

    def _waited(self, seconds: int) -> str:
        return f"waited {format_duration(seconds)}"

    def _depart(self, calls: BlockingCalls) -> None:
        """Leave the federation: in peace after the last step, else stopping all of it."""
        federate, self._federate = self._federate, None
        if federate is None:
            # Still connecting, and there is no other way to stop that.
            self._helics.helicsAbort(-1, "gridloom has given up")
            calls.end(_FAREWELL_S)
            return
        if not self._is_complete:
            federate.fail(self._failure or "gridloom was stopped before the end of its run")
        try:
            calls.run(federate.leave, monotonic() + _FAREWELL_S, lambda: None)
        except (TimeoutError, self._helics.HelicsException) as error:
            _log.warning("%s: HELICS did not end: %s", self._context.name, error)
        if calls.end(_FAREWELL_S):
            federate.free()

    def _await_end(self, program: Program, until: float) -> None:
        code = program.wait(until - monotonic())
        if code is None:
            allowed = format_duration(self._config.stop_timeout)
            _log.warning("%s: still ran %s after the last step", program.name, allowed)
        elif code:
            _log.warning("%s", program.ending("after the last step, a federate's program"))

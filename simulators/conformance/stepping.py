"""Takes the simulator through its steps, as a master does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from gridloom.simulators.conformance.session import CallFailure, Session, StepInputs
from gridloom.simulators.conformance.subject import Moment, Subject


@dataclass
class Run:
    """One run: its moments, and what ended it."""

    moments: list[Moment] = field(default_factory=list)
    failure: CallFailure | None = None
    """What ended it early."""
    failed_at: int = 0

    def texts(self, number: int) -> list[str]:
        """Return what was sent in the first moments, to be compared."""
        return [moment.text for moment in self.moments[:number]]


async def run_steps(
    subject: Subject,
    session: Session,
    steps: int,
    inputs: StepInputs,
    *,
    begun: tuple[Any, float] | None = None,
) -> Run:
    """Take steps from time 0 on, and read everything after each.

    Args:
        subject: what is known of the simulator.
        session: an instance that is ready.
        steps: how many at most; the run also ends with the simulated time.
        inputs: what it is given at every step.
        begun: what the step at time 0 answered, and its wall time, if it was taken before.
    """
    run = Run()
    time = 0
    request = subject.request()
    while len(run.moments) < steps and time < subject.options.until_s:
        begin = perf_counter()
        try:
            if begun is None:
                answer, before_s = await session.step(time, inputs, *subject.advance(time)), 0.0
            else:
                (answer, before_s), begun = begun, None
            sent = await session.get_data(request) if request else {}
        except CallFailure as failure:
            run.failure, run.failed_at = failure, time
            return run
        seconds = perf_counter() - begin + before_s
        run.moments.append(Moment(time=time, answer=answer, data=sent, seconds=seconds))
        time = next_time(subject, time, answer)
    return run


def next_time(subject: Subject, time: int, answer: object) -> int:
    """Return when the next step is; after the step size where the answer tells nothing."""
    if isinstance(answer, int) and not isinstance(answer, bool) and answer > time:
        return answer
    return time + subject.options.step_size_s


async def fresh_run(subject: Subject, steps: int, values: Mapping[str, Any], *sources: str) -> Run:
    """Run a fresh instance with values by attribute; raises `CallFailure` if it cannot start."""
    async with subject.ready() as session:
        return await run_steps(subject, session, steps, subject.step_inputs(values, *sources))

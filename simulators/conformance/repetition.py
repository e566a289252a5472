"""Whether what it sends is decided by its parameters and inputs alone."""

from gridloom.simulators.conformance.session import shortened
from gridloom.simulators.conformance.stepping import fresh_run
from gridloom.simulators.conformance.subject import Subject

_CHECK = "repeat.same_data"


async def check_repetition(subject: Subject) -> None:
    """Judge whether a second instance, stepped the same, sends the same."""
    first = [moment.text for moment in subject.trace]
    again = await fresh_run(subject, len(first), subject.drive)
    hint = "draw random numbers from a seed among the parameters; do not depend on order of sets"
    wrong = [
        f"at time {moment.time} the first sent {shortened(before)}, the second {shortened(after)}"
        for moment, before, after in zip(
            subject.trace, first, again.texts(len(first)), strict=False
        )
        if before != after
    ]
    if not wrong and len(again.moments) < len(first) and again.failure is not None:
        wrong = [f"the second failed at time {again.failed_at}: {again.failure.cause}"]
    subject.findings.judge(_CHECK, wrong, hint, good=f"{len(first)} steps")

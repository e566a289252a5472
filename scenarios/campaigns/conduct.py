"""One `gridloom batch`: reads the campaign, opens its books, runs what is missing, and sums up."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from gridloom.scenarios.campaigns.batch import Batch, Terms, Watcher, verify_complete
from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.cluster import memory_of_each, own_workers, workers_of
from gridloom.scenarios.campaigns.index import About, Index, PlannedRun
from gridloom.scenarios.campaigns.outcome import RunState
from gridloom.scenarios.campaigns.point import Point
from gridloom.scenarios.composition import located
from gridloom.scenarios.identity import is_repeatable, run_digest
from gridloom.scenarios.results.record.lock import folder_lock
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from distributed import Client

    from gridloom.scenarios.campaigns.campaign import Campaign


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """How a campaign is run; nothing of it changes a result."""

    workers: int = 1
    scheduler: str | None = None
    """Address of an existing Dask scheduler, instead of workers on this machine."""
    fail_fast: bool = False
    retry_failed: bool = False
    """Whether runs that failed for good are tried again."""


class Show(Watcher, Protocol):
    """What the terminal shows of a batch."""

    def reading(self, done: int) -> None:
        """So many runs of the campaign are read."""

    def starting(self, index: Index, client: "Client") -> None:
        """The runs are about to begin."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is known of a campaign at the end of a batch."""

    folder: CampaignFolder
    counts: dict[RunState, int]
    """Of distinct runs."""
    points: int
    left_over: int
    """Complete runs that the campaign does not ask for (any longer)."""


def conduct(
    campaign: "Campaign", folder: CampaignFolder, options: BatchOptions, show: Show
) -> Summary:
    """Run all of a campaign that is not complete.

    Raises:
        ScenarioError: the campaign is wrong, or somebody else runs it now; nothing has changed.
        GridloomError: the batch had to stop; what is complete is kept.
    """
    with ExitStack() as stack:
        stack.enter_context(_claimed(folder))
        index = stack.enter_context(Index(folder.index, writable=True))
        index.begin(_about(campaign), _planned(campaign, show))
        stack.enter_context(_log_file(folder.log))
        index.set_pending(list(verify_complete(folder, index)))
        if options.retry_failed:
            index.forget_attempts()
        terms = _terms(campaign, options)
        if index.next_run(0, terms.retries) is not None:
            client = stack.enter_context(_workers(options))
            folder.runs.mkdir(exist_ok=True)
            show.starting(index, client)
            Batch(
                folder=folder,
                index=index,
                client=client,
                point=campaign.point,
                terms=terms,
                watcher=show,
            ).run()
        return Summary(
            folder=folder,
            counts=index.counts(),
            points=len(campaign),
            left_over=index.left_over(),
        )


def _terms(campaign: "Campaign", options: BatchOptions) -> Terms:
    settings = campaign.settings
    memory_bytes = settings.memory_bytes
    if memory_bytes is None and options.scheduler is None:
        memory_bytes = memory_of_each(options.workers)
    return Terms(
        retries=settings.retries,
        timeout_s=settings.timeout_s,
        memory_bytes=memory_bytes,
        reports=settings.reports,
        fail_fast=options.fail_fast,
    )


def _workers(options: BatchOptions) -> "AbstractContextManager[Client]":
    return workers_of(options.scheduler) if options.scheduler else own_workers(options.workers)


@contextmanager
def _claimed(folder: CampaignFolder) -> Iterator[None]:
    """Hold the campaign's folder; where nothing comes of it, it is as if nothing had been.

    Raises:
        ScenarioError: another batch holds it, or it cannot be written.
    """
    RunFolder(folder.path).require_writable()
    is_new, had_index = not folder.path.exists(), folder.is_campaign()
    with ExitStack() as stack:
        forgotten = stack.enter_context(ExitStack())  # which comes after the lock
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            stack.enter_context(folder_lock(folder.path))
        except BlockingIOError as error:
            raise ScenarioError(
                Problem(
                    message=f"another batch is running this campaign, in {folder.path}",
                    suggestion=f"see how far it is with `gridloom watch {folder.path}`, or choose "
                    "another folder with --out DIR",
                )
            ) from error
        except OSError as error:
            raise ScenarioError(
                Problem(
                    message=f"cannot write to {folder.path}: {error.strerror}",
                    expected="a folder you may write to",
                    suggestion="choose another with --out DIR",
                )
            ) from error
        try:
            yield
        except BaseException:
            if not had_index and not folder.runs.exists():
                for leftover in (*folder.path.glob(f"{folder.index.name}*"), folder.log):
                    leftover.unlink(missing_ok=True)
                if is_new:
                    forgotten.callback(_remove_if_empty, folder.path)
            raise


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # there is something of somebody else's
        folder.rmdir()


def _about(campaign: "Campaign") -> About:
    return About(
        name=campaign.name,
        title=campaign.title,
        file=str(campaign.path.absolute()),
        axes=campaign.axes,
        gridloom_version=version("gridloom"),
        description=campaign.description,
        scenario=campaign.scenario,
        changes=campaign.changes,
        retries=campaign.settings.retries,
    )


def _planned(campaign: "Campaign", show: Show) -> Iterator[PlannedRun]:
    """Yield every run of a campaign; every scenario is checked on the way."""
    for point in campaign.points():
        yield planned_run(point)
        show.reading(point.number)


def planned_run(point: Point) -> PlannedRun:
    """Return a point as it enters the books.

    Raises:
        ScenarioError: its scenario is wrong.
    """
    document = point.document
    scenario = document.scenario()
    with located(document, scenario):
        digest = run_digest(scenario, document.folders)
    if not is_repeatable(scenario):
        raise ScenarioError(
            Problem(
                message="a campaign cannot include simulators that others have started: nobody "
                "could tell which of its runs are complete",
                expected="simulators that every run starts for itself",
                location=document.locate(("simulators",)),
            )
        )
    parts: Sequence[str | None] = (scenario.name, scenario.variant, digest)
    return PlannedRun(
        number=point.number,
        parameters=point.parameters,
        digest=digest,
        folder="-".join(part for part in parts if part),
    )


class _ForgivingLog(logging.FileHandler):
    """A log that may be incomplete: a full disk has other ways to be told."""

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Write what the driver logs to the campaign's own file as well, after what is there."""
    logger = logging.getLogger("gridloom.scenarios.campaigns")
    handler = _ForgivingLog(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.removeHandler(handler)
        handler.close()

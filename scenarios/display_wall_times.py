"""What `gridloom run --trace` prints: where the wall time of each run went."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gridloom.scenarios.display import short_path
from gridloom.scenarios.results.record import open_record
from gridloom.scenarios.results.wall_time_lines import WallTimeLine, wall_time_lines
from gridloom.scenarios.results.wording import MINUS
from gridloom.scenarios.runner import Run

_COLUMNS = ("steps", "mean ms", "max ms", "step s", "transfer s", "wait s", "sum s", "share %")


def print_wall_times(runs: Sequence[Run]) -> None:
    """Print one table a run, and where its time line is."""
    console = Console()
    for run in runs:
        with open_record(run.folder.record) as record:
            lines = wall_time_lines(record.attrs)
        name = " ".join(part for part in (run.scenario.name, run.scenario.variant) if part)
        title = f"\nWhere the time went: {name}"
        if lines:
            console.print(_table(title, lines))
        console.print(_about_the_time_line(run, known=bool(lines)), highlight=False, soft_wrap=True)


def _table(title: str, lines: Sequence[WallTimeLine]) -> Table:
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for heading in _COLUMNS:
        table.add_column(heading, justify="right")
    for line in lines:
        texts = (
            line.steps,
            line.mean_ms,
            line.longest_ms,
            line.step_s,
            line.transfer_s,
            line.waiting_s,
            line.spent_s,
            line.share_percent,
        )
        table.add_row(escape(line.name), *(text.replace(MINUS, "-") for text in texts))
    return table


def _about_the_time_line(run: Run, *, known: bool) -> str:
    if run.folder.trace.is_file():
        return (
            f"time line, for Perfetto or chrome://tracing: {escape(short_path(run.folder.trace))}"
        )
    if run.computed:
        return f"no time line: see {escape(short_path(run.folder.log))}"
    what = "no time line" if known else "neither wall times nor a time line"
    return f"the run was complete before and has {what}: compute it again with --force --trace"

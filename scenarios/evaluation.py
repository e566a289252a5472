"""Turns complete records into KPIs and a report, and several of them into a comparison."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from json import loads
from pathlib import Path

from gridloom.scenarios.results.comparison import (
    BoundsSource,
    ComparedRun,
    Comparison,
    ComparisonOptions,
    compare_runs,
    compared_run,
    find_published,
    read_published,
    write_comparison_csv,
    write_comparison_page,
)
from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.scenarios.results.kpis.kpi import Kpi, write_kpis_csv
from gridloom.scenarios.results.record import open_record
from gridloom.scenarios.results.report import write_report
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import Problem, RecordError, ScenarioError
from gridloom.simulators.phases import phase

_PAGE, _TABLE = "comparison.html", "comparison.csv"


@dataclass(frozen=True, kw_only=True)
class WrittenComparison:
    """A comparison and its files; the records that its figures were drawn from are closed."""

    comparison: Comparison
    page: Path
    table: Path


def evaluate(folder: RunFolder, path: Path, *, report: bool = True) -> list[Kpi]:
    """Write the KPIs of a record, and its report if it is asked for; return the KPIs."""
    with ExitStack() as opened:
        with phase("kpis"):
            record = opened.enter_context(open_record(path))
            kpis = compute_kpis(record)
            write_kpis_csv(kpis, folder.kpis)
        if report:
            with phase("report"):
                write_report(record, kpis, folder.report)
    return kpis


def compare(
    sources: Sequence[Path],
    *,
    out: Path = Path("outputs"),
    folder: Path | None = None,
    published: Path | None = None,
    options: ComparisonOptions | None = None,
) -> WrittenComparison:
    """Compare the runs of records and write the comparison as a page and as a table.

    Args:
        sources: records, or folders of runs; what is given twice counts once, and comparisons
            and bounds (which a pattern may match as well) do not count.
        out: folder below which the comparison gets its own.
        folder: the comparison's own folder, instead.
        published: table of published values; by default that of the scenario, if there is one.
        options: see there.

    Raises:
        ScenarioError: a source is no record, the runs cannot be compared, or the folder cannot be
            written to.
    """
    RunFolder(folder or out).require_writable()
    with ExitStack() as opened:
        runs = _open_all(_records(sources), opened)
        table = published or _published_beside(runs)
        comparison = compare_runs(
            runs, options or ComparisonOptions(), read_published(table) if table else ()
        )
        target = folder or out / comparison.folder_name
        target.mkdir(parents=True, exist_ok=True)
        write_comparison_page(comparison, target / _PAGE)
        write_comparison_csv(comparison, target / _TABLE)
    return WrittenComparison(comparison=comparison, page=target / _PAGE, table=target / _TABLE)


def compare_variants(
    folders: Sequence[RunFolder], out: Path, *, bounds: BoundsSource | None = None
) -> WrittenComparison | None:
    """Compare the runs of a scenario's variants; None where there is but one.

    Variants may differ in more than their controllers: the comparison then says in what.

    Args:
        folders: of the runs, in the order of the variants.
        out: folder below which the comparison gets its own.
        bounds: what the energy-adjusted cost cannot fall below, or what computes it.
    """
    if len(folders) < 2:  # noqa: PLR2004
        return None
    options = ComparisonOptions(anyway=True, bounds=bounds)
    return compare([folder.record for folder in folders], out=out, options=options)


def _records(sources: Iterable[Path]) -> list[Path]:
    """Return the record of each source, each once."""
    records: dict[Path, Path] = {}
    for source in sources:
        path = RunFolder(source).any_record() if source.is_dir() else source
        is_comparison = not path.exists() and (source / _TABLE).is_file()
        is_bounds = source.suffix == ".json" and "-bounds-" in source.name
        if not (is_comparison or is_bounds):
            records.setdefault(path.resolve(), path)
    return list(records.values())


def _open_all(paths: Iterable[Path], opened: ExitStack) -> list[ComparedRun]:
    """Open and evaluate all records.

    Raises:
        ScenarioError: with all that are none.
    """
    runs: list[ComparedRun] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            runs.append(compared_run(opened.enter_context(open_record(path)), path))
        except RecordError as error:
            problems.append(Problem(message=str(error)))
    if problems:
        raise ScenarioError(*problems)
    return runs


def _published_beside(runs: Sequence[ComparedRun]) -> Path | None:
    """Return the table of published values of the first scenario that has one."""
    for run in runs:
        folders = [Path(name) for name in loads(run.attributes.get("scenario_folders") or "[]")]
        found = find_published(run.name, folders)
        if found is not None:
            return found
    return None

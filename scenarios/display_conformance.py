"""What the command line prints of a check of a simulator."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gridloom.simulators.conformance.report import CHECKS, Finding, Outcome, Report

_STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.WARNING: "yellow",
}
_WORDS = {
    Outcome.PASSED: "pass",
    Outcome.FAILED: "FAIL",
    Outcome.WARNING: "warning",
}


def print_conformance(report: Report) -> None:
    """Print verdict and reason of every check, and how the simulator goes into a scenario."""
    console = Console()
    table = Table(title=escape(report.target), title_justify="left", box=None, pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("it", overflow="fold")
    not_applicable: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.outcome is Outcome.NOT_APPLICABLE:
            not_applicable.setdefault(finding.reason, []).append(finding.check)
            continue
        style = _STYLES[finding.outcome]
        verdict = f"[{style}]{_WORDS[finding.outcome]}[/{style}]"
        table.add_row(finding.check, verdict, escape(_told(finding)))
    console.print(table, highlight=False)
    for reason, checks in not_applicable.items():
        console.print(f"n/a: {reason}: {', '.join(checks)}", highlight=False, markup=False)
    counts = ", ".join(f"{report.count(each)} {each}" for each in reversed(Outcome))
    console.print(f"\n{counts}", highlight=False)
    if report.snippet:
        console.print("\n[bold]In a scenario[/bold], as far as names and units tell:\n")
        console.print(report.snippet, highlight=False, markup=False, soft_wrap=True)


def _told(finding: Finding) -> str:
    """Return what a check asks for, what was seen, and what to do unless all is well."""
    told = CHECKS[finding.check]
    if finding.reason:
        told += f": {finding.reason}"
    if finding.outcome in (Outcome.FAILED, Outcome.WARNING) and finding.hint:
        told += f"\nhint: {finding.hint}"
    return told

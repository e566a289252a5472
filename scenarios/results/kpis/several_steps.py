"""Says in the labels of indicators that they were taken from rows which cover several steps.

Sums, means over whole rows, and extremes that the record holds are exact on such rows, and so is
what the record says of each step whatever its rows cover. Everything else is what the rows say: a
duration above a limit counts rows, and what a device consumes and feeds in within one row cancels.
"""

from collections.abc import Iterable
from dataclasses import replace

from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.scenarios.results.recording import Recording
from gridloom.scenarios.results.wording import span


def of_means(kpis: Iterable[Kpi], *recordings: Recording) -> list[Kpi]:
    """Return indicators that are computed of means, said to be so where rows cover several steps.

    Args:
        kpis: what was computed.
        recordings: of what; those with a row for each step need no remark.
    """
    length = _longest(recordings).replace(" ", "-")
    return _remarked(kpis, f"of {length} means" if length else "")


def of_values(kpis: Iterable[Kpi], *recordings: Recording) -> list[Kpi]:
    """Return indicators that are computed of the values at the ends of rows; likewise."""
    length = _longest(recordings)
    return _remarked(kpis, f"of values every {length}" if length else "")


def _longest(recordings: Iterable[Recording]) -> str:
    """Return what a row covers, '' where each step has its own."""
    lengths_s = [each.step_s for each in recordings if each.covers_several_steps]
    return span(max(lengths_s)) if lengths_s else ""


def _remarked(kpis: Iterable[Kpi], remark: str) -> list[Kpi]:
    return [replace(kpi, label=f"{kpi.label} ({remark})") if remark else kpi for kpi in kpis]

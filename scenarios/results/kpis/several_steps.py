"""Says in labels and titles that what they tell of was taken from rows which cover several steps.

Sums, means over whole rows, and extremes that the record holds are exact on such rows, and so is
what the record says of each step whatever its rows cover. Everything else is what the rows say: a
duration above a limit counts rows, and what devices consume and feed in at different times of one
row cancels, unless the record tells how much did.
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
    means = means_of_rows(*recordings)
    return _remarked(kpis, f"of {means}" if means else "")


def of_values(kpis: Iterable[Kpi], *recordings: Recording) -> list[Kpi]:
    """Return indicators that are computed of the values at the ends of rows; likewise."""
    return _remarked(kpis, values_of_rows(*recordings))


def means_of_rows(*recordings: Recording) -> str:
    """Name what rows hold, as in "15-min means"; '' where each step has its own."""
    length = _longest(recordings).replace(" ", "-")
    return f"{length} means" if length else ""


def values_of_rows(*recordings: Recording) -> str:
    """Say of what a state is, as in "of values every 15 min"; '' where each step has its own."""
    length = _longest(recordings)
    return f"of values every {length}" if length else ""


def remarked(text: str, remark: str) -> str:
    """Add a remark, unless it is empty."""
    return f"{text} ({remark})" if remark else text


def _longest(recordings: Iterable[Recording]) -> str:
    """Return what a row covers, '' where each step has its own."""
    lengths_s = [each.step_s for each in recordings if each.covers_several_steps]
    return span(max(lengths_s)) if lengths_s else ""


def _remarked(kpis: Iterable[Kpi], remark: str) -> list[Kpi]:
    return [replace(kpi, label=remarked(kpi.label, remark)) for kpi in kpis]

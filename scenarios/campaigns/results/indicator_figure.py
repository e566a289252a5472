"""Figure: one indicator over what was varied, a line for each scheme."""

from collections.abc import Sequence

import numpy as np

from gridloom.scenarios.campaigns.results.cells import Averages, means_in_common, shown_means
from gridloom.scenarios.campaigns.results.columns import Column
from gridloom.scenarios.campaigns.results.factors import Factor
from gridloom.scenarios.campaigns.results.indicator_plot import (
    draw_indicator,
    has_fewer_seeds,
    shows_single_runs,
)
from gridloom.scenarios.campaigns.results.like_with_like import Counting
from gridloom.scenarios.campaigns.results.points import Codes
from gridloom.scenarios.campaigns.results.roles import Roles
from gridloom.scenarios.campaigns.results.statistics import SeedMeans
from gridloom.scenarios.campaigns.results.values import largest
from gridloom.scenarios.campaigns.results.writing import (
    axis_title,
    printed_unit,
    rounding,
    with_interval,
    with_unit,
)
from gridloom.scenarios.results.figures.style import ReportFigure
from gridloom.scenarios.results.wording import counted
from gridloom.simulators.errors import listing
from gridloom.simulators.model import FloatArray

_PAIR = 2
_FEWEST_DIGITS, _MOST_DIGITS = 3, 12


def indicator_figure(
    column: Column, values: FloatArray, roles: Roles, key: str
) -> ReportFigure | None:
    """Draw an indicator, None where no mean of it is known; within `figure_style`.

    Args:
        column: what it is.
        values: (points,), NaN where not known.
        roles: what is drawn how.
        key: of the figure within the page.
    """
    shown = shown_means(values, roles)
    if not np.isfinite(shown.means.mean).any():
        return None
    told = means_in_common(values, roles.scheme or roles.x, roles)
    title = _title(column, told.means, roles.scheme or roles.x, largest(values))
    return ReportFigure(
        key=key,
        title=title,
        caption=_caption(shown, told, roles),
        alternative=f"{axis_title(column)} over {_over(roles)}. {title}.",
        svg=draw_indicator(column, values, shown.means, roles),
    )


def _title(column: Column, told: SeedMeans, factor: Factor | None, most: float) -> str:
    """Return what the figure says in one sentence."""
    label = column.long_name
    label = label[:1].upper() + label[1:]
    means = told.mean
    if factor is None:
        text = with_interval(float(means[0]), float(told.half_width[0]), most)
        return f"{label}: {text} {printed_unit(column.unit)}".strip()
    if not np.isfinite(means).any():
        return label
    return f"{label}: {_ends(column, means, factor, rounding(most))}"


def _ends(column: Column, means: FloatArray, factor: Factor, nothing: float) -> str:
    """Return with which values of a factor an indicator is least and greatest.

    Args:
        column: the indicator.
        means: one for each value of the factor, NaN where not known.
        factor: whose values are set against each other.
        nothing: what means differ by that do not differ.
    """
    least, greatest = float(np.nanmin(means)), float(np.nanmax(means))
    lows = np.flatnonzero(means <= least + nothing)
    highs = np.flatnonzero(means >= greatest - nothing)
    if greatest - least <= nothing:
        is_all = len(lows) == len(factor)
        where = f"any {factor.name}" if is_all else _names(factor, lows)
        return f"{with_unit(least, column)} on average with {where}"
    texts = _told_apart(column, least, greatest)
    ends = [f"{texts[0]} with {_names(factor, lows)}", f"{texts[1]} with {_names(factor, highs)}"]
    if np.isfinite(means).sum() > len(lows) + len(highs):
        return f"on average from {' to '.join(ends)}"
    return f"on average {', '.join(ends)}"


def _names(factor: Factor, places: Codes) -> str:
    """Write some values of a factor, as in 'a and b'."""
    names = [factor.names[place] for place in places.tolist()]
    return " and ".join(names) if len(names) <= _PAIR else listing(names)


def _told_apart(column: Column, low: float, high: float) -> tuple[str, str]:
    """Write two values of an indicator with as many digits as tell them apart."""
    texts = with_unit(low, column), with_unit(high, column)
    digits = _FEWEST_DIGITS
    while texts[0] == texts[1] and digits < _MOST_DIGITS:
        digits += 1
        texts = with_unit(low, column, digits), with_unit(high, column, digits)
    return texts


def _over(roles: Roles) -> str:
    shown = [factor.name for factor in (roles.x, roles.scheme, roles.panel) if factor]
    return ", ".join(shown) or "all runs"


def _caption(shown: Averages, told: Averages, roles: Roles) -> str:
    counts = shown.means.count[shown.means.count > 0]
    fewest, most = int(counts.min()), int(counts.max())
    several = "" if most == 1 else f"Means over {counted(most, 'seed')}"
    if fewest < most:
        several = f"Means over {fewest} to {most} seeds"
    interval = ", with 95 % confidence intervals (Student’s t)" if most > 1 else ""  # noqa: RUF001
    sentences = [f"{several}{interval}." if several else "One run each: no intervals."]
    if roles.rest:
        sentences.append(f"Averaged over {_cases(shown.over, [f.name for f in roles.rest])}.")
    factor = roles.scheme or roles.x
    if factor is not None and told.over.cases:
        others = [f.name for f in roles.settings if f is not factor]
        over = f"{_cases(told.over, others, every='all ')} and " if others else ""
        sentences.append(
            f"The heading’s averages: over {over}the seeds that every {factor.name} has."  # noqa: RUF001
        )
    if has_fewer_seeds(shown.means).any():
        sentences.append("Hollow marks: over fewer seeds than others.")
    if (counts == _PAIR).any():
        sentences.append("Intervals of two seeds say next to nothing: t is 12.7.")
    if shows_single_runs(roles) and most > 1:
        sentences.append("Pale dots: single runs.")
    if roles.panel:
        sentences.append(f"One plot for each {roles.panel.name}.")
    return " ".join(sentences)


def _cases(over: Counting, names: Sequence[str], *, every: str = "") -> str:
    """Return what is averaged over, and how much of it where runs are missing."""
    part = f"{over.cases} of the {over.asked} cases of " if over.is_part else every
    return f"{part}{' and '.join(names)}"

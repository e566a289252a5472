"""What figures of a comparison say of runs whose rows cover several steps.

Expected numbers follow by hand from the example record, see `conftest` of the results' tests: L12
carries 70 A from 100 s to 190 s, 80 A at 150 s, else 40 A, and is rated 65 A.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from gridloom.scenarios.results.comparison import Comparison
from gridloom.scenarios.results.comparison.figures.community_power import community_power_figure
from gridloom.scenarios.results.comparison.figures.fleet_power import fleet_power_figures
from gridloom.scenarios.results.comparison.figures.line_current import line_current_figure
from gridloom.scenarios.results.comparison.figures.looks import scheme_looks
from gridloom.scenarios.results.comparison.figures.transformer_loading import (
    transformer_loading_figure,
)
from gridloom.scenarios.results.figures.style import ReportFigure
from gridloom.scenarios.results.wording import number

Compare = Callable[..., Comparison]
ROWS = 1200
"""Of 1 s."""
OF_5_MIN = "(of 5-min means)"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Build figures without rendering them, which is slow; collect them in their order."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **options: figures.append(figure))
    return figures


@pytest.fixture
def runs(scheme: Any) -> list[xr.DataTree]:
    """Two schemes, a row each second; the second loads lines and transformer half as much.

    The transformer's loading is 60 %, and 130 % from 100 s to 190 s.
    """
    records = []
    for name, kind, factor in (("basic", "basic", 1.0), ("saving", "amas", 0.5)):
        record = scheme(name, kind, "grid", "load", "ev", "charging", current=factor)
        loading_percent = np.full((ROWS, 1), 60.0)
        loading_percent[100:190] = 130.0
        rows = record["grid"].to_dataset(inherit=False)
        loading = (("time", "transformer"), factor * loading_percent)
        record["grid"] = xr.DataTree(rows.assign(transformer_loading_percent=loading))
        records.append(record)
    return records


def by_key(comparison: Comparison) -> Mapping[str, ReportFigure]:
    looks = scheme_looks(comparison.labels, comparison.reference.label)
    found = [
        line_current_figure(comparison, looks),
        transformer_loading_figure(comparison, looks),
        community_power_figure(comparison, looks),
        *fleet_power_figures(comparison, looks),
    ]
    return {figure.key: figure for figure in found if figure is not None}


def peaks(comparison: Comparison, name: str) -> tuple[float, ...]:
    return next(m.values for m in comparison.measures if m.name == name and not m.of)


@pytest.mark.usefixtures("drawn")
def test_extremes_are_those_of_the_steps(
    runs: list[xr.DataTree], compare: Compare, coarsen: Any
) -> None:
    of_steps, of_rows = compare(*runs), compare(*(coarsen(run, 300) for run in runs))
    expected, found = by_key(of_steps), by_key(of_rows)

    for key in ("line-current", "transformer-loading"):
        assert found[key].title == expected[key].title
    assert found["line-current"].title == "Only basic exceeds L12's rating of 65 A"
    assert "basic: at most 80 A, above the rating for 90 s." in expected["line-current"].caption
    caption = found["line-current"].caption
    assert "means over 5 min, pale up to the highest step." in caption
    assert "basic: at most 80 A, its 5-min means never above the rating." in caption
    assert caption.endswith("saving: at most 40 A.")
    loading = found["transformer-loading"]
    assert peaks(of_rows, "transformer_loading_max_percent") == (130.0, 65.0)
    assert "overloaded with basic: at most 130 % with basic, 65 % with saving" in loading.title
    assert "import or export (5-min means)." in loading.caption
    assert "basic: at most 130 %, its 5-min means never above 100 %." in loading.caption


@pytest.mark.usefixtures("drawn")
def test_means_beyond_a_limit_are_told_as_such(
    runs: list[xr.DataTree], compare: Compare, coarsen: Any
) -> None:
    found = by_key(compare(*(coarsen(run, 60) for run in runs)))
    # The second, third and fourth minute have 20, 60 and 10 s of it: 50, 70.2 and 45 A
    assert "basic: at most 80 A, its 60-s means above the rating for 60 s." in (
        found["line-current"].caption
    )
    # Likewise 83, 130 and 72 %
    assert "basic: at most 130 %, its 60-s means above 100 % for 60 s." in (
        found["transformer-loading"].caption
    )


def test_durations_in_words_are_of_means(
    runs: list[xr.DataTree], compare: Compare, coarsen: Any
) -> None:
    of_minutes, of_rows = (compare(*(coarsen(run, s) for run in runs)) for s in (60, 300))
    assert (
        "basic overloads lines for 60 s; saving never overloads a line (of 60-s means)."
        in of_minutes.sentences
    )
    assert "No line is ever overloaded, in any run (of 5-min means)." in of_rows.sentences


@pytest.mark.usefixtures("drawn")
def test_without_statistics_titles_say_of_what_they_are(
    runs: list[xr.DataTree], compare: Compare, coarsen: Any
) -> None:
    found = by_key(compare(*(coarsen(run, 300, statistics=()) for run in runs)))
    mean_a = (210 * 40 + 89 * 70 + 80) / 300
    assert found["line-current"].title == f"All 2 runs keep L12's rating of 65 A {OF_5_MIN}"
    assert f"basic: at most {number(mean_a)} A {OF_5_MIN}." in found["line-current"].caption
    mean_percent = (210 * 60 + 90 * 130) / 300
    assert found["transformer-loading"].title == (
        f"The transformer is never overloaded: at most {number(mean_percent)} % with basic, "
        f"{number(mean_percent / 2)} % with saving {OF_5_MIN}"
    )
    assert f"basic: at most {number(mean_percent)} % {OF_5_MIN}." in (
        found["transformer-loading"].caption
    )


def test_means_have_a_band_up_to_the_peaks(
    runs: list[xr.DataTree], compare: Compare, coarsen: Any, drawn: list[Figure]
) -> None:
    found = by_key(compare(*(coarsen(run, 300) for run in runs)))
    axes = drawn[list(found).index("line-current")].axes[0]
    bands = [
        np.concatenate([np.asarray(path.vertices)[:, 1] for path in each.get_paths()]).max()
        for each in axes.collections
    ]
    assert bands == [80.0, 40.0]


@pytest.mark.usefixtures("drawn")
def test_peaks_of_several_devices_together_are_of_means(
    runs: list[xr.DataTree], compare: Compare, coarsen: Any
) -> None:
    """Nobody knows how high they were at once; over 15 min, means are taken anyway."""
    of_steps = by_key(compare(*runs))
    of_rows = by_key(compare(*(coarsen(run, 300) for run in runs)))
    longer = by_key(compare(*(coarsen(run, 600) for run in runs)))
    fleet = of_steps["power-ev"].title
    assert fleet.endswith("in all runs")
    assert of_rows["power-ev"].title == f"{fleet} {OF_5_MIN}"
    assert of_steps["community-power"].title == of_rows["community-power"].title
    assert of_rows["community-power"].title.endswith("(of 15-min means)")
    assert longer["community-power"].title.endswith("(of 10-min means)")
    assert ", 10-min means, losses" in longer["community-power"].caption

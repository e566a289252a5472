"""How each scheme looks, the same in all figures and tables of a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gridloom.scenarios.results.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    legend_above,
    new_axes,
)

_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, INK)
_MARKERS = ("s", "^", "D", "v", "P", "X", "p")
_DASHES = ("-", "--", ":")
_LEGEND_COLUMNS = 4
_CHARACTER, _LABEL_GAP, _WIDEST_LABELS = 0.0082, 0.02, 0.4
"""Widths in shares of the figure's."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Colour, line and marker of a scheme: no two schemes share all three."""

    colour: str
    dash: str
    marker: str


_REFERENCE = Look(colour=GREY, dash="-", marker="o")


def scheme_looks(labels: Sequence[str], reference: str) -> dict[str, Look]:
    """Return the look of every scheme: grey for the reference, then Okabe and Ito's colours.

    The eighth scheme beside the reference begins the colours anew, dashed.
    """
    looks = {reference: _REFERENCE}
    for place, label in enumerate(label for label in labels if label != reference):
        again, colour = divmod(place, len(_COLOURS))
        looks[label] = Look(
            colour=_COLOURS[colour],
            dash=_DASHES[min(again, len(_DASHES) - 1)],
            marker=_MARKERS[colour],
        )
    return looks


def axes_with_legend(entries: int, height_in: float = 3.3) -> tuple[Figure, Axes]:
    """Return a plot with room above it for the legend of so many entries."""
    rows = ceil(entries / _LEGEND_COLUMNS)
    return new_axes(height_in + 0.2 * (rows - 1), legend_rows=rows)


def scheme_legend(axes: Axes) -> None:
    """Put the legend of the schemes above the plot."""
    legend_above(axes, _LEGEND_COLUMNS)


def make_room_for_labels(axes: Axes, labels: Sequence[str]) -> None:
    """Move a plot with horizontal bars to the right of the schemes' names."""
    left, bottom, width, height = axes.get_position().bounds
    wanted = min(_WIDEST_LABELS, _LABEL_GAP + _CHARACTER * max(len(label) for label in labels))
    shift = max(0.0, wanted - left)
    axes.set_position((left + shift, bottom, width - shift, height))

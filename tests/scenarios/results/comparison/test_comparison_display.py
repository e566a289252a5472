"""The comparison on terminals of any width: nothing is cut off."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gridloom.scenarios import display
from gridloom.scenarios.evaluation import WrittenComparison

NAMES = ["basic", "amas", "amas-literal", "milp", "milp-shortage", "transactive"]


def _printed(comparison: Any, width: int, *, terminal: bool, monkeypatch: Any) -> list[str]:
    stream = io.StringIO()

    def console() -> Console:
        return Console(file=stream, width=width, force_terminal=terminal, color_system=None)

    monkeypatch.setattr(display, "Console", console)
    written = WrittenComparison(comparison=comparison, page=Path("p.html"), table=Path("t.csv"))
    display.print_comparison(written)
    return stream.getvalue().splitlines()


@pytest.fixture
def six(scheme: Any, compare: Any) -> Any:
    return compare(*(scheme(n, n, imbalance=1 - i / 10) for i, n in enumerate(NAMES)))


@pytest.mark.parametrize(
    ("width", "terminal", "tables"), [(200, True, 1), (80, True, 2), (40, True, 6), (80, False, 1)]
)
def test_as_many_schemes_side_by_side_as_fit(
    six: Any, width: int, terminal: bool, tables: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = _printed(six, width, terminal=terminal, monkeypatch=monkeypatch)
    costs = [line for line in lines if line.startswith("imbalance cost, eq. (21)")]
    assert len(costs) == tables
    if width > 40:
        values = " ".join(costs).replace("imbalance cost, eq. (21)", "").replace("EUR", "").split()
        assert values == ["0.120", "0.108", "0.096", "0.084", "0.072", "0.060"]
        assert not [line for line in lines if "\N{HORIZONTAL ELLIPSIS}" in line]


def test_names_are_no_markup(scheme: Any, compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare(scheme("[bold]a[/bold]"), scheme("b"))
    lines = _printed(found, 120, terminal=False, monkeypatch=monkeypatch)
    assert "[bold]a[/bold]" in lines[1]

"""Memory does not grow with the length of a run, measured in processes of their own."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "long_runs.py"
SECONDS = ("step_size=1s", "duration={}", "fuse=true")
QUARTERS = ("step_size=15min", "duration={}")


@pytest.fixture(scope="module")
def long_runs() -> Any:
    if not BENCHMARK.exists() or not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs the repository's benchmarks and Linux, which tells peaks by phase")
    spec = importlib.util.spec_from_file_location("long_runs", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["long_runs"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "short", "long"),
    [
        pytest.param(QUARTERS, "7d", "70d", id="quarters of an hour"),
        pytest.param(SECONDS, "4h", "1d", id="seconds"),
    ],
)
def test_memory_does_not_grow_with_the_duration(
    long_runs: Any, overrides: tuple[str, ...], short: str, long: str
) -> None:
    """A megabyte holds 130,000 numbers: of 10 and of 6 times as many steps, none are kept.

    The bound leaves room for what allocators do; before, the report of 90 days took 250 MB more
    than that of 7. In seconds, some numbers of each step are still held (time
    stamps, sums over all devices): 10 MB a day.
    """
    costs = [
        long_runs.cost_of("quickstart", overrides=[each.format(d) for each in overrides])
        for d in (short, long)
    ]

    growth_mb = {n: costs[1].peak_mb[n] - costs[0].peak_mb[n] for n in costs[0].peak_mb}
    assert growth_mb["building"] < 15
    assert growth_mb["stepping"] < 25
    assert growth_mb["kpis"] < 60
    assert growth_mb["report"] < 60
    assert costs[1].report_mb < 2 * costs[0].report_mb + 0.5

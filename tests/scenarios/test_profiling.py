"""`gridloom profile`: parts that add up, options, errors, and nothing that is left behind."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from math import isclose
from pathlib import Path
from time import perf_counter, sleep

import pytest
from typing_extensions import override

from gridloom.scenarios.profiling import (
    Part,
    ProcessTimes,
    Profile,
    ProfiledRunError,
    breakdown,
    profile_run,
)
from gridloom.scenarios.results.wall_times import StepTimes, WallTimes
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.phases import Phases, Spent, phase

Command = Callable[..., tuple[int, str, str]]

TINY = """
name: tiny
start: 2021-06-21T17:00:00+02:00
duration: 5min
step_size: 30s
seed: 3
simulators:
  grid: {type: grid, network: {name: simple_four_bus_system}, phases: balanced}
  load: {type: load, profile: {generator: household}}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary files are made, by us and by the profiled run."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def _all_parts(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from _all_parts(part.parts)


def _require_sums(profile: Profile) -> None:
    """Fail where parts do not add up to what they are parts of."""
    assert isclose(sum(part.wall_s for part in profile.parts), profile.wall_s, abs_tol=1e-9)
    for part in _all_parts(profile.parts):
        if part.parts:
            assert isclose(sum(each.wall_s for each in part.parts), part.wall_s, abs_tol=1e-9)


class TestPhases:
    def test_each_moment_belongs_to_the_innermost(self) -> None:
        """Naps of 20 and 40 ms; the whole is what passed on the clock."""
        begin_s = perf_counter()
        phases = Phases()
        with phases.watching(), phase("outer"):
            sleep(0.02)
            with phase("inner"):
                sleep(0.04)
            with phase("apart", at_top=True):
                sleep(0.02)
        spent_s = {path: spent.wall_s for path, spent in phases.spent().items()}
        whole_s = perf_counter() - begin_s
        assert sum(spent.cpu_s for spent in phases.spent().values()) < 0.06  # naps are no work
        assert spent_s.keys() == {(), ("outer",), ("outer", "inner"), ("apart",)}
        assert spent_s["outer",] >= 0.02
        assert spent_s["outer", "inner"] >= 0.04
        assert spent_s["apart",] >= 0.02
        assert 0.08 <= sum(spent_s.values()) <= whole_s

    def test_imports_are_apart_wherever_they_happen(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "profiled_slow.py").write_text("import time, profiled_slower\ntime.sleep(0.02)")
        (tmp_path / "profiled_slower.py").write_text("import time\ntime.sleep(0.04)")
        (tmp_path / "profiled_late.py").write_text("import time\ntime.sleep(0.02)")
        monkeypatch.syspath_prepend(str(tmp_path))
        phases = Phases()
        usual = __import__
        with phases.watching(), phase("building"):
            import profiled_slow  # type: ignore[import-not-found]  # noqa: F401

            with phase("stepping", at_top=True):
                import profiled_late  # type: ignore[import-not-found]  # noqa: F401
        spent_s = {path: spent.wall_s for path, spent in phases.spent().items()}
        assert spent_s["imports", "profiled_slow"] >= 0.02
        assert spent_s["imports", "profiled_slower"] >= 0.04
        assert spent_s["stepping",] >= 0.02  # what a step needs is part of the step
        assert ("imports", "profiled_late") not in spent_s
        assert spent_s["building",] < 0.02
        assert __import__ is usual

    def test_without_anybody_who_asks_nothing_happens(self) -> None:
        assert phase("one") is phase("another")

    def test_an_error_ends_its_phase(self) -> None:
        phases = Phases()
        with pytest.raises(ZeroDivisionError), phases.watching(), phase("outer"), phase("inner"):
            raise ZeroDivisionError
        assert phases.path == ()


def test_breakdown_by_hand() -> None:
    """Ten seconds of a process: every number of the answer is a difference of given ones."""
    process = ProcessTimes(
        begin_s=100.0,
        python=Spent(0.5, 0.25),
        phases={
            (): Spent(0.25, 0.25),
            ("imports", "numpy"): Spent(1.0, 0.5),
            ("imports", "scipy"): Spent(2.0, 1.0),
            ("building",): Spent(0.5, 0.0),
            ("building", "grid"): Spent(0.25, 0.25),
            ("building", "grid", "network"): Spent(0.75, 0.5),
            ("stepping",): Spent(4.0, 6.0),
        },
        cpu_s=9.0,
        done_s=109.5,
        exit_cpu_s=0.125,
        end_s=110.0,
    )
    grid = StepTimes(
        steps=8, step_s=2.0, transfer_s=0.5, longest_s=1.0, parts_s={"power flow": 1.5}
    )
    recording = StepTimes(steps=8, step_s=0.5, transfer_s=0.0, longest_s=0.5)
    stepping = WallTimes(
        total_s=5.0,
        start_s=0.5,
        end_s=0.5,
        mosaik_s=0.75,
        recording=recording,
        models={"grid": grid},
    )

    def flat(parts: tuple[Part, ...]) -> list[tuple[object, ...]]:
        return [(p.name, p.wall_s, p.cpu_s, *([flat(p.parts)] if p.parts else [])) for p in parts]

    network = ("grid", 1.0, 0.75, [("network", 0.75, 0.5), ("rest", 0.25, 0.25)])
    steps = [
        ("power flow", 1.5, None),
        ("rest of the step", 0.5, None),
        ("transfer", 0.5, None),
    ]
    models = [
        ("grid", 2.5, None, steps),
        ("mosaik", 0.75, None),
        ("recording", 0.5, None),
        ("rest", 0.25, None),
    ]
    assert flat(breakdown(process, stepping)) == [
        ("python", 0.5, 0.25),
        ("imports", 3.0, 1.5, [("scipy", 2.0, 1.0), ("numpy", 1.0, 0.5)]),
        ("building", 1.5, 0.75, [network, ("rest", 0.5, 0.0)]),
        ("stepping", 4.0, 6.0, models),
        ("exit", 0.5, 0.125),
        ("other", 0.5, None),
    ]


@pytest.mark.parametrize(
    ("fuse", "variant"), [(False, None), pytest.param(True, "two", marks=pytest.mark.slow)]
)
def test_the_parts_of_a_run_add_up(
    tiny: Path, temporary: Path, fuse: bool, variant: str | None
) -> None:
    """Where no variant is named, the first is run."""
    tiny.write_text(TINY + "variants:\n  one: {seed: 4}\n  two: {seed: 5}\n")
    overrides = [f"fuse={str(fuse).lower()}"]
    begin_s = perf_counter()
    found = profile_run(tiny, overrides, variant)
    assert found.wall_s < perf_counter() - begin_s
    assert (found.scenario, found.variant, found.fuse) == ("tiny", variant or "one", fuse)
    assert (found.steps, found.simulated_s) == (10, 300)
    _require_sums(found)
    by_name = {part.name: part for part in found.parts}
    assert list(by_name) == [
        "python",
        "imports",
        "reading",
        "identity",
        "building",
        "start and stop",
        "stepping",
        "record",
        "kpis",
        "report",
        "printing",
        "exit",
        "other",
    ]
    assert all(part.wall_s > 0 for name, part in by_name.items() if name != "other")
    assert {"numpy", "h5py", "mosaik"} <= {part.name for part in by_name["imports"].parts}
    assert {"grid", "load"} <= {part.name for part in by_name["building"].parts}
    (grid,) = (part for part in by_name["stepping"].parts if part.name == "grid")
    assert [part.name for part in grid.parts] == ["power flow", "rest of the step", "transfer"]
    assert all(part.wall_s > 0 for part in grid.parts)
    known_s = [part.cpu_s for part in found.parts if part.cpu_s is not None]
    assert 0 < sum(known_s) <= found.cpu_s + 0.05  # two clocks
    assert list(temporary.iterdir()) == []


MADE_UP = Profile(
    scenario="tiny",
    variant="one",
    fuse=True,
    simulated_s=300,
    steps=10,
    wall_s=4.0,
    cpu_s=3.21,
    parts=(
        Part(name="python", wall_s=0.01, cpu_s=0.02),
        Part(
            name="imports",
            wall_s=2.0,
            cpu_s=1.5,
            parts=(
                Part(name="numpy", wall_s=1.9),
                Part(name="h5py", wall_s=0.088),
                Part(name="json", wall_s=0.008),
                Part(name="abc", wall_s=0.004),
            ),
        ),
        Part(name="stepping", wall_s=1.99, parts=(Part(name="mosaik", wall_s=1.99),)),
    ),
)


class TestCommand:
    @pytest.fixture
    def made_up(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
        """Take a profile that is made up for that of any run; return what is asked for."""
        asked: list[tuple[object, ...]] = []

        def profile(*arguments: object, **options: object) -> Profile:
            asked.append((*arguments, *options.values()))
            return MADE_UP

        monkeypatch.setattr("gridloom.scenarios.profiling.profile_run", profile)
        return asked

    @pytest.mark.usefixtures("made_up")
    def test_table(self, gridloom: Command) -> None:
        """What is below 0.5 % of the whole is shown together, unless it is a main part."""
        code, out, err = gridloom("profile", "tiny")
        assert (code, err) == (0, "")
        assert [line.rstrip() for line in out.splitlines()] == [
            "Where the time goes: tiny one, 5min in 10 steps, models stepped together",
            "          wall s  ms a step  share %  CPU s",
            "python     0.010      1.000      0.2  0.020",
            "imports    2.000    200.000     50.0  1.500",
            "  numpy    1.900    190.000     47.5",
            "  h5py     0.088      8.800      2.2",
            "  others   0.012      1.200      0.3",
            "stepping   1.990    199.000     49.8",
            "  mosaik   1.990    199.000     49.8",
            "total      4.000    400.000    100.0  3.210",
        ]

    @pytest.mark.usefixtures("made_up")
    def test_json(self, gridloom: Command) -> None:
        """Readers rely on these keys: a change of them is a new version."""
        code, out, _ = gridloom("profile", "tiny", "--json", "-")
        told = json.loads(out)
        assert code == 0
        assert told.pop("parts")[2] == {
            "name": "stepping",
            "wall_s": 1.99,
            "cpu_s": None,
            "parts": [{"name": "mosaik", "wall_s": 1.99, "cpu_s": None, "parts": []}],
        }
        assert told == {
            "version": 1,
            "scenario": "tiny",
            "variant": "one",
            "fuse": True,
            "simulated_s": 300,
            "steps": 10,
            "wall_s": 4.0,
            "cpu_s": 3.21,
        }

    def test_options(self, gridloom: Command, made_up: list[tuple[object, ...]]) -> None:
        gridloom("profile", "tiny", "--set", "seed=1", "--fuse", "--variant", "x", "--out", "o")
        gridloom("profile", "tiny", "--separate", "--allow-external")
        gridloom("profile", "tiny")
        assert made_up == [
            ("tiny", ["seed=1", "fuse=true"], "x", Path("o"), False),
            ("tiny", ["fuse=false"], None, None, True),
            ("tiny", [], None, None, False),
        ]

    @pytest.mark.usefixtures("made_up")
    def test_a_file_that_cannot_be_written(self, gridloom: Command) -> None:
        code, _, err = gridloom("profile", "tiny", "--json", "nowhere/profile.json")
        assert code == 2
        assert "cannot write the profile 'nowhere/profile.json'" in err

    def test_the_run_is_kept_where_it_is_asked_for(
        self, gridloom: Command, tiny: Path, tmp_path: Path, temporary: Path
    ) -> None:
        file = tmp_path / "profile.json"
        code, out, _ = gridloom("profile", str(tiny), "--out", "kept", "--json", str(file))
        assert (code, out) == (0, f"{file}\n")
        (folder,) = (tmp_path / "kept").iterdir()
        assert (folder / "report.html").is_file()
        assert json.loads(file.read_text())["scenario"] == "tiny"
        assert list(temporary.iterdir()) == []
        assert not (tmp_path / "outputs").exists()

    def test_unknown_scenario(self, gridloom: Command) -> None:
        code, out, err = gridloom("profile", "quickstrat")
        assert (code, out) == (2, "")
        assert "did you mean 'quickstart'?" in err

    def test_unknown_variant(self, gridloom: Command, tiny: Path) -> None:
        assert gridloom("profile", str(tiny), "--variant", "none")[0] == 2

    def test_a_run_that_fails(
        self, tiny: Path, temporary: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """5 MW in a street of 0.4 kV has no solution."""
        heavy = [
            "simulators.load.profile.generator=null",
            "simulators.load.profile.constant_kw=5e3",
        ]
        with pytest.raises(ProfiledRunError) as caught:
            profile_run(tiny, heavy)
        assert caught.value.code == 3
        assert "error: simulator 'grid'" in capfd.readouterr().err
        assert list(temporary.iterdir()) == []

    def test_the_command_ends_as_the_run(
        self, gridloom: Command, tiny: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_args: object, **_options: object) -> Profile:
            raise ProfiledRunError(3)

        monkeypatch.setattr("gridloom.scenarios.profiling.profile_run", fail)
        said = "nothing of it is kept; --out DIR would\n"
        assert gridloom("profile", str(tiny)) == (3, "", said)
        assert gridloom("profile", str(tiny), "--out", "kept") == (3, "", "")


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_what_ends_us_ends_the_run(
    tiny: Path,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    raised: type[BaseException],
) -> None:
    ends: list[int] = []

    class Interrupted(subprocess.Popen[bytes]):
        @override
        def wait(self, timeout: float | None = None) -> int:
            if ends or self.returncode is not None:
                return super().wait(timeout)
            ends.append(self.pid)
            signal.raise_signal(number)
            return super().wait(timeout)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(raised):
        profile_run(tiny, ["duration=100d", "step_size=1s"])
    with pytest.raises(ProcessLookupError):
        os.kill(ends[0], 0)
    assert list(temporary.iterdir()) == []


def test_bad_input_is_told_before_anything_is_started(tiny: Path) -> None:
    with pytest.raises(ScenarioError, match="duraton"):
        profile_run(tiny, ["duraton=1h"])

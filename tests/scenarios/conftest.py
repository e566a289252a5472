"""Fixtures for the tests of scenario files: a small model type, and short ways to read."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import pytest

from gridloom.scenarios import cli
from gridloom.scenarios.reader import ScenarioDocument, read_scenario
from gridloom.simulators.errors import Problem, ScenarioError

Read: TypeAlias = Callable[..., ScenarioDocument]
Problems: TypeAlias = Callable[..., list[Problem]]
Command: TypeAlias = Callable[..., tuple[int, str, str]]
Undrawn: TypeAlias = Callable[[], AbstractContextManager[None]]

_FAKES = '''
from typing import Annotated, Literal
from pydantic import Field, model_validator
from gridloom.simulators.quantities import *

class FileSource(Config):
    file: InputFile
    delimiter: str = ","

class DrawnSource(Config):
    generator: Literal["drawn"]
    mean_kw: Positive = 1.0

class FixedSource(Config):
    generator: Literal["fixed"]
    value_kw: Finite

class Visit(Config):
    point: str
    arrival: Duration
    share: Fraction = 0.5

class DeviceConfig(ModelConfig):
    """A device."""
    at: str | list[str] = "all"
    rated_power_kw: Positive
    efficiency: Fraction = 0.9
    is_on: bool = True
    label: str = ""
    count: int = 1
    mode: Literal["linear", "cubic"] = "linear"
    limits: tuple[Fraction, Fraction] = (0, 1)
    source: (
        Annotated[DrawnSource | FixedSource, Field(discriminator="generator")] | FileSource | None
    ) = None
    visits: list[Visit] = []
    shares: dict[str, Fraction] = {}

class Device:
    Config = DeviceConfig

class AgentConfig(ModelConfig):
    """An agent."""
    controls: str
    horizon: Duration = 3600

class Agent:
    Config = AgentConfig

class StumblingConfig(ModelConfig):
    """A plug-in whose validator does not expect a number."""
    x: object
    @model_validator(mode="after")
    def _check(self):
        len(self.x)
        return self

class Stumbling:
    Config = StumblingConfig
'''


@pytest.fixture(scope="session", autouse=True)
def fake_types(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make `reader_fakes:Device` and `reader_fakes:Agent` importable, as if installed."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "reader_fakes.py").write_text(_FAKES, encoding="utf-8")
    sys.path.append(str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture(scope="session")
def undrawn() -> Undrawn:
    """Return a context in which reports and comparisons are written without their figures.

    To draw them takes longer than a small run; it is for tests that look at anything else.
    """

    @contextmanager
    def drawing_nothing() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for place in ("figures.report_figures", "comparison.figures.comparison_figures"):
                patch.setattr(f"gridloom.scenarios.results.{place}", lambda _: [])
            yield

    return drawing_nothing


@pytest.fixture
def no_figures(undrawn: Undrawn) -> Iterator[None]:
    """See `undrawn`: for all of a test."""
    with undrawn():
        yield


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that reads a scenario from its text."""

    def read_text(text: str, *overrides: str, name: str = "case.yaml") -> ScenarioDocument:
        path = tmp_path / name
        path.write_text(dedent(text), encoding="utf-8")
        return read_scenario(path, overrides)

    return read_text


@pytest.fixture
def problems(read: Read) -> Problems:
    """Return a function that reads a scenario from its text and returns what is wrong with it."""

    def read_wrong(text: str, *overrides: str) -> list[Problem]:
        with pytest.raises(ScenarioError) as caught:
            read(text, *overrides)
        return list(caught.value.problems)

    return read_wrong


@pytest.fixture
def gridloom(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """Call the command line in this process from an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridloom", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        code = caught.value.code
        return (code if isinstance(code, int) else 0), captured.out, captured.err

    return call

"""Skeletons to start from: simulator, controller, scenario, campaign, with what it takes to run."""

import keyword
import re
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from gridloom.simulators.errors import Problem, ScenarioError, nearest

_LONGEST = 30
"""Characters of a name, so that the lines it appears in stay readable."""
_PYTHON = {
    "README.md.txt": "{name}.md",
    "scenario.yaml.txt": "{name}.yaml",
    "test.py.txt": "test_{name}.py",
}
_FILES: Mapping[str, Mapping[str, str]] = {
    "simulator_python": {"simulator.py.txt": "{name}.py", **_PYTHON},
    "simulator_java": {"simulator.java.txt": "{class_name}.java", **_PYTHON},
    "controller": {"controller.py.txt": "{name}.py", **_PYTHON},
    "scenario": {"scenario.yaml.txt": "{name}.yaml"},
    "campaign": {"campaign.yaml.txt": "{name}.yaml"},
}
"""Templates of every skeleton, and the files that they become."""
_KINDS = ("simulator", "controller", "scenario", "campaign")
_LANGUAGES = ("python", "java")


def write_skeleton(
    kind: str, name: str, *, language: str = "python", folder: Path = Path()
) -> list[Path]:
    """Write a working skeleton.

    Args:
        kind: simulator, controller, scenario or campaign.
        name: of its module, as Python writes it: heat_pump.
        language: python, or java for a simulator in a process of its own.
        folder: where its files go; made if it does not exist.

    Returns:
        The files written.

    Raises:
        ScenarioError: the name, kind or language will not do, or a file exists already; then
            nothing is written.
    """
    _require_known("kind of skeleton", kind, _KINDS)
    _require_known("language", language, _LANGUAGES)
    if language == "java" and kind != "simulator":
        message = f"there is no {kind} in java"
        raise ScenarioError(Problem(message=message, expected="--language java for a simulator"))
    _require_name(name)
    words = name.replace("_", " ").strip()
    names = {
        "name": name,
        "class_name": "".join(part.capitalize() for part in name.split("_")),
        "title": words.capitalize(),
        "words": words,
    }
    templates = f"simulator_{language}" if kind == "simulator" else kind
    source = files("gridloom.scenarios.templates").joinpath(templates)
    texts = {
        folder / target.format(**names): Template(
            source.joinpath(template).read_text(encoding="utf-8")
        ).substitute(names)
        for template, target in _FILES[templates].items()
    }
    _write(texts)
    return sorted(texts)


def _write(texts: Mapping[Path, str]) -> None:
    existing = [path for path in texts if path.exists()]
    if existing:
        problems = [Problem(message=f"'{path}' exists already") for path in existing]
        hint = Problem(message="nothing was written", suggestion="choose another NAME or --out")
        raise ScenarioError(*problems, hint)
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        message = f"'{error.filename}' cannot be written: {error.strerror}"
        raise ScenarioError(Problem(message=message)) from error


def _require_known(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ScenarioError(
            Problem(
                message=f"there is no {what} '{given}'",
                expected=f"one of {', '.join(known)}",
                suggestion=nearest(given, known),
            )
        )


def _require_name(name: str) -> None:
    """Refuse what is no name of a module, or would hide one of Python's or gridloom's."""
    expected = f"lower-case letters, digits and underscores, at most {_LONGEST}: heat_pump"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or len(name) > _LONGEST:
        better = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).strip("_").lower()
        better = re.sub(r"^[0-9_]+", "", better)[:_LONGEST]
        suggestion = f"'{better}' would do" if better and _is_free(better) else ""
        message = f"'{name}' cannot be the name of a module"
        raise ScenarioError(Problem(message=message, expected=expected, suggestion=suggestion))
    if not _is_free(name):
        message = f"'{name}' means something in Python already"
        suggestion = f"'my_{name}' would do"
        raise ScenarioError(Problem(message=message, expected=expected, suggestion=suggestion))


def _is_free(name: str) -> bool:
    taken = {*sys.stdlib_module_names, "gridloom", "mosaik", "numpy", "pytest", "pandas"}
    return not keyword.iskeyword(name) and name not in taken

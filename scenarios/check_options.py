"""The options of `gridloom check` as the command line gives them, and its report as a file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gridloom.simulators.conformance import CheckOptions, Report
from gridloom.simulators.conformance.options import ROLES
from gridloom.simulators.errors import Problem, ScenarioError, nearest


def options_of(
    *, role: str | None, settings: Sequence[str], json_texts: dict[str, str], **others: Any
) -> CheckOptions:
    """Return the options of a check.

    Args:
        role: a part that the simulator is to play.
        settings: parameters of `init` as `key=value`; the value is JSON, or else text.
        json_texts: objects in JSON by the option's name: parameters, create, inputs.
        others: fields of `CheckOptions` as they are.

    Raises:
        ScenarioError: with everything that cannot be read.
    """
    problems: list[Problem] = []
    if role is not None and role not in ROLES:
        problems.append(
            Problem(
                message=f"there is no role '{role}'",
                expected=f"one of {', '.join(ROLES)}",
                suggestion=nearest(role, ROLES),
            )
        )
    objects = {name: _object(name, text, problems) for name, text in json_texts.items()}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            expected = "key=value, such as sim_start=2016-01-01"
            problems.append(Problem(message=f"--set {text} is no setting", expected=expected))
        else:
            objects["parameters"][key.strip()] = _json_or_text(value)
    if problems:
        raise ScenarioError(*problems)
    return CheckOptions(role=role, **objects, **others)  # type: ignore[arg-type]  # checked above


def write_report(report: Report, path: Path) -> None:
    """Write a report as JSON.

    Raises:
        ScenarioError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        message = f"'{path}' cannot be written: {error.strerror}"
        raise ScenarioError(Problem(message=message)) from error


def _object(name: str, text: str, problems: list[Problem]) -> dict[str, Any]:
    """Return an object, or an empty one and a problem noted."""
    try:
        read = json.loads(text)
    except ValueError as error:
        problems.append(Problem(message=f"--{name} {text}: this is no JSON ({error})"))
        return {}
    if not isinstance(read, dict):
        expected = 'an object, such as {"area": 30}'
        problems.append(Problem(message=f"--{name} {text} is no object", expected=expected))
        return {}
    return read


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text

"""What stands in a foreign simulator's parameters and command for something of the run.

{start}                   the scenario's start, local time, as mosaik's simulators read it
{duration_s} {step_size_s} {seed}    numbers of the scenario, and of the model
{python}                  the interpreter that runs gridloom
weather.csv               a file listed under `files`: its full path
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from gridloom.simulators.external.config import ForeignSimulatorConfig
from gridloom.simulators.model import BuildContext

_START_FORMAT = "%Y-%m-%d %H:%M:%S"

ConfigT = TypeVar("ConfigT", bound=ForeignSimulatorConfig)


def filled(config: ConfigT, context: BuildContext) -> ConfigT:
    """Return the configuration as the foreign simulator is to see it.

    A text that is nothing but a placeholder becomes the number itself.

    Raises:
        ScenarioError: a file does not exist.
    """
    meanings: dict[str, str | int] = {
        "{start}": context.start.strftime(_START_FORMAT),
        "{duration_s}": context.duration_s,
        "{step_size_s}": config.step_size,
        "{seed}": context.seed,
        "{python}": sys.executable,
    }
    for i, name in enumerate(config.files):
        meanings[str(name)] = str(context.file(name, "files", i).resolve())
    create = config.create
    return config.model_copy(
        update={
            "parameters": _filled(config.parameters, meanings),
            "create": create.model_copy(
                update={"parameters": _filled(create.parameters, meanings)}
            ),
            "command": config.command and tuple(str(_text(w, meanings)) for w in config.command),
        }
    )


def _filled(value: Any, meanings: Mapping[str, str | int]) -> Any:
    if isinstance(value, str):
        return _text(value, meanings)
    if isinstance(value, Mapping):
        return {name: _filled(each, meanings) for name, each in value.items()}
    if isinstance(value, Sequence):
        return [_filled(each, meanings) for each in value]
    return value


def _text(text: str, meanings: Mapping[str, str | int]) -> str | int:
    """Return a text with its placeholders replaced; a file's name counts only as the whole text."""
    if text in meanings:
        return meanings[text]
    for placeholder, meaning in meanings.items():
        if placeholder.startswith("{"):
            text = text.replace(placeholder, str(meaning))
    return text

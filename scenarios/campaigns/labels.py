"""What the values of an axis are called."""

import json
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from gridloom.scenarios.campaigns.point import Parameter


def label_of(value: Any) -> Parameter:
    """Return what a value is called: itself, or its JSON text if it is no scalar.

    >>> label_of(3.7), label_of([0.3, 0.8]), label_of(None)
    (3.7, '[0.3, 0.8]', 'null')
    """
    if isinstance(value, str | int | float):
        return value
    return json.dumps(value, ensure_ascii=False)


def label_text(label: Parameter) -> str:
    """Return a label as a table has it, where numbers of equal value are the same."""
    if isinstance(label, bool):
        return json.dumps(label)
    return label if isinstance(label, str) else repr(float(label))


def file_labels(names: Sequence[str]) -> tuple[str, ...]:
    """Return what files are called: their names without suffix, where these differ."""
    stems = tuple(PurePath(name).stem for name in names)
    return stems if len(set(stems)) == len(stems) else tuple(names)

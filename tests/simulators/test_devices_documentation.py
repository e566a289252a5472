"""What docs/devices.md shows runs."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ruamel.yaml import YAML

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")
SNIPPETS = [
    YAML(typ="safe").load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
]


def test_every_new_device_is_shown() -> None:
    shown = {device["type"] for snippet in SNIPPETS for device in snippet.values()}
    assert shown == {
        "load",
        "wind",
        "generator",
        "storage",
        "flexible_load",
        "deferrable_load",
        "heat_pump",
        "energy_market",
    }


@pytest.mark.parametrize("snippet", SNIPPETS, ids=min)
def test_every_example_runs(
    snippet: dict[str, dict[str, str]], record_of: Callable[..., dict[str, xr.Dataset]]
) -> None:
    steered = {"generator", "storage", "flexible_load", "deferrable_load", "heat_pump"}
    asked_kw = {name: 2.0 for name, device in snippet.items() if device["type"] in steered}
    demand = {"type": "load", "profile": {"constant_kw": 1}}  # so that there is something to settle
    recorded = record_of({"demand": demand, **snippet}, asked_kw)
    for name in snippet:
        for variable in recorded[name].data_vars.values():
            if variable.dims[:1] == ("time",):
                assert len(variable) == 12
                assert np.isfinite(variable).all()

"""What docs/tariffs.md shows runs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from ruamel.yaml import YAML

from gridloom.simulators.tariff import TariffConfig

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tariffs.md").read_text(encoding="utf-8")
SNIPPETS = [
    YAML(typ="safe").load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=min)
def test_every_example_runs(
    snippet: dict[str, Any], record_of: Callable[..., dict[str, xr.Dataset]]
) -> None:
    demand = {"type": "load", "profile": {"constant_kw": 1}}
    recorded = record_of({"demand": demand, **snippet})
    for name, tariff in snippet.items():
        price = tariff["import_price_eur_per_mwh"]
        # By hand: two houses draw 1 kWh each; at noon the price of the day holds.
        eur = 2 * (price["07:00"] if isinstance(price, dict) else price) / 1000
        np.testing.assert_allclose(recorded[name]["cost_eur"][-1].sum(), eur, rtol=1e-12)


def test_every_key_is_explained() -> None:
    explained = set(re.findall(r"^\| `(\w+)`", PAGE, flags=re.MULTILINE))
    inherited = TariffConfig.__mro__[1].model_fields.keys()  # type: ignore[attr-defined]
    assert explained == TariffConfig.model_fields.keys() - inherited

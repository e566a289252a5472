"""Records of several schemes for one case, made by hand; see the record of `build_record`.

The plain one costs 0.20 - 0.08 = 0.12 EUR by eq. (21), 0.20 EUR by eq. (28), overloads L12 for 90 s
and leaves 21.6 + 19.5 + 18 = 59.1 kWh in its vehicles. The mean price is 97.5 EUR/MWh.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import xarray as xr

from gridloom.scenarios.results.comparison import (
    Comparison,
    ComparisonOptions,
    compare_runs,
    compared_run,
)

SCENARIO: dict[str, Any] = {
    "name": "street",
    "title": "Four houses",
    "start": "2021-03-24T16:00:00+01:00",
    "duration": "20min",
    "seed": 7,
    "simulators": {"ev": {"type": "ev_fleet"}},
}

Scheme: TypeAlias = Callable[..., xr.DataTree]
Compare: TypeAlias = Callable[..., Comparison]


@pytest.fixture(scope="session")
def scheme(build_record: Callable[..., xr.DataTree]) -> Scheme:
    """Make the record of a scheme.

    Its controller's type and settings, models to record, changes of the scenario, attributes of
    the record; effects: factors for `imbalance` and line `current`, what is added to the state of
    `charge`.
    """

    def make(
        variant: str,
        controller: str = "basic",
        *parts: str,
        settings: dict[str, Any] | None = None,
        changes: dict[str, Any] | None = None,
        attributes: dict[str, Any] | None = None,
        **effects: float,
    ) -> xr.DataTree:
        controls = {"type": controller, "controls": "ev", **(settings or {})}
        scenario = SCENARIO | {"variant": variant, "controllers": {"charging": controls}}
        record = build_record(
            *parts,
            **{
                "variant": variant,
                "digest": f"digest-{variant}",
                "scenario": json.dumps(scenario | (changes or {})),
                **(attributes or {}),
            },
        )
        for group, variable, scale, shift in (
            ("market", "imbalance_kwh", effects.get("imbalance", 1.0), 0.0),
            ("grid", "line_current_a", effects.get("current", 1.0), 0.0),
            ("ev", "state_of_charge", 1.0, effects.get("charge", 0.0)),
        ):
            if group in record.children:
                record[group][variable] = record[group][variable] * scale + shift
        if "charging" in record.children:
            record["charging"].attrs["model_type"] = controller
        return record

    return make


@pytest.fixture(scope="session")
def compare() -> Compare:
    """Compare records."""

    def compare(*records: xr.DataTree, published: Sequence[Any] = (), **options: Any) -> Comparison:
        runs = [
            compared_run(record, Path(f"{place}/record.h5")) for place, record in enumerate(records)
        ]
        return compare_runs(runs, ComparisonOptions(**options), published)

    return compare

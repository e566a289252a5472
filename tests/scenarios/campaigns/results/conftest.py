"""Campaigns whose books are written by hand, so that every number in them is known."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.campaigns.index import About, Index, PlannedRun
from gridloom.scenarios.campaigns.outcome import Fault, Outcome
from gridloom.scenarios.campaigns.point import Axis, Parameter
from gridloom.scenarios.results.kpis.kpi import Kpi

Parameters: TypeAlias = Mapping[str, Parameter]
KpisOf: TypeAlias = Callable[[Parameters], Sequence[Kpi] | Fault]
WriteCampaign: TypeAlias = Callable[..., CampaignFolder]

SCHEME = Axis(name="scheme", keys=("variant",), labels=("basic", "amas"))
POWER = Axis(name="power", keys=("simulators.ev.rated_power_kw",), labels=(3.7, 11.0), unit="kW")
SEED = Axis(name="seed", keys=("seed",), labels=(1, 2, 3), is_seed=True)


def kpi(name: str, value: float, *, of: str = "", headline: bool = False, **told: Any) -> Kpi:
    return Kpi(
        name=name,
        value=value,
        unit=told.get("unit", "EUR"),
        group=told.get("group", "Market"),
        label=told.get("label", name.replace("_", " ")),
        of=of,
        headline=headline,
    )


def kpis_of(parameters: Parameters) -> list[Kpi] | Fault:
    """Cost = power x seed, halved by amas, which alone plans; overload = power - 3.7."""
    power, seed = float(parameters["power"]), float(parameters["seed"])
    planned = parameters["scheme"] == "amas"
    cost = power * seed * (0.5 if planned else 1.0)
    found = [
        kpi("imbalance_cost_eur", cost, headline=True, label="imbalance cost"),
        kpi("imbalance_cost_eur", cost / 2, of="period 10"),
        kpi("imbalance_cost_eur", cost / 2, of="period 2"),
        kpi(
            "line_overload_duration_s", power - 3.7, headline=True, unit="s", group="Grid",
            label="time with an overloaded line",
        ),
        kpi("decision_wall_time_ms", 17.0, unit="ms", group="Coordination"),
    ]  # fmt: skip
    if planned:
        found.append(kpi("plan_cosine_similarity", 0.9, unit="1", group="Coordination"))
    return found


@pytest.fixture
def write_campaign(tmp_path: Path) -> WriteCampaign:
    """Write the books of a campaign; `kpis_of` says what each point yields, or why it failed."""

    def write(
        axes: Sequence[Axis] = (SCHEME, POWER, SEED),
        *,
        points: Sequence[Parameters] | None = None,
        kpis_of: KpisOf = kpis_of,
        name: str = "street-campaign",
        backwards: bool = False,
    ) -> CampaignFolder:
        folder = CampaignFolder(tmp_path / name)
        folder.path.mkdir()
        asked = points or [
            dict(zip([axis.name for axis in axes], labels, strict=True))
            for labels in product(*(axis.labels for axis in axes))
        ]
        runs = [
            PlannedRun(number=n, parameters=p, digest=f"{n:010x}", folder=f"street-{n:010x}")
            for n, p in enumerate(asked, start=1)
        ]
        about = About(
            name="street", title="A street", file="c.yaml", axes=tuple(axes), gridloom_version="0.1"
        )
        with Index(folder.index, writable=True) as index:
            index.begin(about, runs)
            for run in reversed(runs) if backwards else runs:
                index.set_ended(run.digest, _outcome(run, kpis_of))
        return folder

    return write


def _outcome(run: PlannedRun, kpis_of: KpisOf) -> Outcome:
    found = kpis_of(run.parameters)
    if isinstance(found, Fault):
        reason = f"simulator 'grid' failed at simulation time {run.number} s"
        return Outcome(digest=run.digest, fault=found, reason=reason, wall_time_s=1.0)
    return Outcome(
        digest=run.digest,
        kpis=found,
        wall_time_s=2.0,
        record_bytes=1_000_000,
        peak_memory_bytes=300_000_000,
        worker="here",
    )

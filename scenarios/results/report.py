"""The report of a run: one HTML page that needs nothing but itself."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridloom.scenarios.results.cash_flows import cash_flows
from gridloom.scenarios.results.html_page import write_page
from gridloom.scenarios.results.kpis.negotiation import negotiation_of
from gridloom.scenarios.results.record.layout import (
    FAILURE,
    MODEL_STEP_SIZE,
    STATUS,
    STEP_SIZE,
    RunStatus,
)
from gridloom.scenarios.results.recording import rows_of_several_steps
from gridloom.scenarios.results.wall_time_lines import wall_time_lines
from gridloom.scenarios.results.wording import DASH, LocalTime, counted, number, span

if TYPE_CHECKING:
    import xarray as xr

    from gridloom.scenarios.results.figures.style import ReportFigure
    from gridloom.scenarios.results.kpis import Kpi

_UNITS = {"1": "", "percent": "%", "kVA h": "kVAh"}
"""How units are printed, where not as UDUNITS reads them."""
_TEMPLATE = Path(__file__).with_name("report.html")
_WALL_TIME = "wall_time_{}_s"
_TRACE = "trace.json"
_PROVENANCE = (
    ("created", "computed at"),
    ("gridloom_version", "gridloom"),
    ("git_revision", "revision of the scenario's repository"),
    ("platform", "platform"),
    ("digest", "identity of the run"),
    ("seed", "seed"),
)


@dataclass(frozen=True, kw_only=True)
class KpiRow:
    """One indicator as the report prints it."""

    label: str
    value: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """One model as the report prints it."""

    name: str
    type: str
    role: str
    step: str
    information: str
    """What a controller may know."""
    wall_time: str


def write_report(record: "xr.DataTree", kpis: "Sequence[Kpi]", path: Path) -> None:
    """Write the report of a run as one self-contained HTML page.

    Parts that the record does not have (no grid, no market, no vehicles) are left out. Equal
    records and KPIs give equal bytes, but for the link to a time line (`trace.json`) that lies
    beside the page.

    Args:
        record: as `open_record` gives it.
        kpis: as `compute_kpis` gives them, in the order to print them.
        path: the page to write; replaced if it exists.

    Raises:
        RecordError: the page cannot be written.
    """
    from gridloom.scenarios.results.figures import report_figures

    content = _content(record, kpis, report_figures(record))
    write_page(path, _TEMPLATE, {**content, "has_trace": (path.parent / _TRACE).is_file()})


def _content(
    record: "xr.DataTree", kpis: "Sequence[Kpi]", figures: "Sequence[ReportFigure]"
) -> dict[str, Any]:
    """Return what the template prints."""
    attributes = {str(name): str(value) for name, value in record.attrs.items()}
    scenario: dict[str, Any] = json.loads(attributes.get("scenario") or "{}")
    negotiation = negotiation_of(record)
    return {
        "title": attributes.get("title") or attributes.get("scenario_name") or "gridloom run",
        "variant": attributes.get("variant", ""),
        "description": str(scenario.get("description") or "").strip(),
        "warning": _warning(record, kpis),
        "facts": _facts(record, attributes, scenario),
        "headline": _grouped([kpi for kpi in kpis if kpi.headline], digits=3),
        "kpis": _grouped(kpis, digits=5),
        "figures": figures,
        "cash_flows": None if negotiation is None else cash_flows(negotiation),
        "models": _models(record),
        "wall_time": _duration(record.attrs.get("wall_time_s")),
        "wall_times": wall_time_lines(record.attrs),
        "provenance": [
            (label, attributes[name]) for name, label in _PROVENANCE if attributes.get(name)
        ],
        "dependencies": json.loads(attributes.get("dependencies") or "{}"),
        "scenario": _yaml(scenario) if scenario else "",
    }


def _warning(record: "xr.DataTree", kpis: "Sequence[Kpi]") -> str:
    """Return what a reader must know of a run that did not complete or go well, else ''."""
    if STATUS not in record:
        return ""
    status = RunStatus(int(record[STATUS]))
    if status is RunStatus.COMPLETE:
        unsolved = int(
            sum(kpi.value for kpi in kpis if kpi.name == "unsolved_steps" and not kpi.of)
        )
        if not unsolved:
            return ""
        return (
            f"{counted(unsolved, 'step')} without a power flow solution: what this page says of "
            "the grid leaves them out."
        )
    why = str(record.attrs.get(FAILURE, ""))
    return f"This run is not complete ({status.name.lower()}){': ' + why if why else ''}."


def _facts(
    record: "xr.DataTree", attributes: Mapping[str, str], scenario: dict[str, Any]
) -> list[tuple[str, str]]:
    """Return the lines below the title: label and text."""
    facts = [("scenario", attributes.get("scenario_name", ""))]
    ends = [
        node["time"].to_numpy()[-1:].astype("datetime64[s]").item()
        + timedelta(seconds=int(node.attrs.get(STEP_SIZE, 1)))
        for node in record.children.values()
        if node.sizes.get("time", 0)
    ]
    if ends:
        clock = LocalTime.of(record, scenario)
        stop = max(ends).replace(tzinfo=UTC).astimezone(clock.start.tzinfo)
        facts.append(("simulated", _period(clock, stop.replace(tzinfo=None))))
    facts += [
        ("recorded", rows_of_several_steps(record)),
        ("seed", attributes.get("seed", "")),
        ("computed", attributes.get("created", "")),
        ("gridloom", attributes.get("gridloom_version", "")),
        ("identity", attributes.get("digest", "")),
    ]
    return [(label, text) for label, text in facts if text]


def _period(clock: LocalTime, stop: datetime) -> str:
    """Write from when to when, local time; ``stop`` is local and unaware of its zone."""
    start = clock.start.replace(tzinfo=None)
    last = f"{stop:%H:%M}" if stop.date() == start.date() else f"{stop:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M}{DASH}{last} ({clock.zone})"


def _grouped(kpis: "Sequence[Kpi]", digits: int) -> list[tuple[str, list[KpiRow]]]:
    """Return the indicators by group, groups in the order of their first one."""
    groups: dict[str, list[KpiRow]] = {}
    for kpi in kpis:
        row = KpiRow(
            label=f"{kpi.label} ({kpi.of})" if kpi.of else kpi.label,
            value=number(kpi.value, max(digits, 4) if kpi.name.endswith("_pu") else digits),
            unit=_UNITS.get(kpi.unit, kpi.unit),
        )
        groups.setdefault(kpi.group, []).append(row)
    return list(groups.items())


def _models(record: "xr.DataTree") -> list[ModelRow]:
    return [
        ModelRow(
            name=name,
            type=str(node.attrs.get("model_type", "")),
            role=str(node.attrs.get("role", "")),
            step=_duration(node.attrs.get(MODEL_STEP_SIZE, node.attrs.get(STEP_SIZE))),
            information=str(node.attrs.get("information_set", "")),
            wall_time=_duration(record.attrs.get(_WALL_TIME.format(name))),
        )
        for name, node in record.children.items()
    ]


def _duration(seconds: Any) -> str:
    return DASH if seconds is None else span(float(seconds))


def _yaml(scenario: dict[str, Any]) -> str:
    """Write the resolved scenario as a scenario file would hold it."""
    from ruamel.yaml import YAML

    stream = io.StringIO()
    writer = YAML(typ="rt")
    writer.default_flow_style = None  # short lists on one line, as people write them
    writer.width = 96
    writer.dump(scenario, stream)
    return stream.getvalue()

"""One run of a comparison: its label, its indicators, and its record to draw from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridloom.scenarios.results.comparison.case import differing_controls
from gridloom.scenarios.results.kpis import compute_kpis
from gridloom.scenarios.results.kpis.decisions import computing_time_kpis, controllers_of
from gridloom.scenarios.results.kpis.kpi import Kpi
from gridloom.scenarios.results.record.layout import FAILURE, STATUS, RunStatus
from gridloom.scenarios.results.recording import RecordParts, parts_of
from gridloom.simulators.errors import RecordError

if TYPE_CHECKING:
    import xarray as xr

_BASIC = "basic"
_UNCOORDINATED = frozenset({_BASIC, "self_consumption", "thermostat"})
"""Controllers that look at nothing but their own device."""
_MCU = "mcu"


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """A run as a comparison sees it; its `parts` are read on demand while its record is open."""

    label: str
    """Names it in tables and figures; unique within a comparison."""
    path: Path
    """Its record."""
    parts: RecordParts
    kpis: Mapping[tuple[str, str], Kpi]
    """By name and of; computing times included."""
    attributes: Mapping[str, Any]
    """Of the record's root: provenance and wall times."""
    models: Mapping[str, Mapping[str, Any]]
    """Attributes of each model's group."""
    incomplete: str = ""
    """Why the run did not complete; '' for one that did."""

    @property
    def scenario(self) -> Mapping[str, Any]:
        """The resolved scenario; empty if the record has none."""
        return self.parts.scenario

    @property
    def name(self) -> str:
        """The scenario's name."""
        return str(self.attributes.get("scenario_name") or "runs")

    @property
    def controller_types(self) -> list[str]:
        """The types of its controllers, in the record's order."""
        return [
            str(attributes.get("model_type", ""))
            for attributes in self.models.values()
            if attributes.get("role") == "controller"
        ]

    @property
    def is_basic(self) -> bool:
        """Whether it is the baseline: none of its controllers coordinates anything."""
        types = self.controller_types
        return _BASIC in types and all(each in _UNCOORDINATED for each in types)

    @property
    def rule(self) -> str:
        """By which rule its microgrid control unit finds prices; '' if it has none."""
        for config in self.scenario.get("controllers", {}).values():
            if config.get("type") == _MCU:
                return str(config.get("rule", ""))
        return ""

    def value(self, name: str, of: str = "") -> float:
        """Return an indicator, NaN if the run has none."""
        kpi = self.kpis.get((name, of))
        return nan if kpi is None else kpi.value

    def total(self, name: str) -> float:
        """Return an indicator that adds up over the whole run, NaN if the run has none."""
        if (name, "") in self.kpis:
            return self.value(name)
        parts = [self.value(name, of) for of in self.models if (name, of) in self.kpis]
        return sum(parts) if parts else nan


def compared_run(record: "xr.DataTree", path: Path) -> ComparedRun:
    """Evaluate an open record for a comparison.

    Raises:
        RecordError: the record has no rows at all.
    """
    parts = parts_of(record)
    kpis = [*compute_kpis(record), *computing_time_kpis(record)]
    if not (kpis or controllers_of(record)):
        raise RecordError(f"'{path}' holds no results to compare")
    attributes = {str(name): value for name, value in record.attrs.items()}
    return ComparedRun(
        label=str(attributes.get("variant") or attributes.get("scenario_name") or path.parent.name),
        path=path,
        parts=parts,
        kpis={(kpi.name, kpi.of): kpi for kpi in kpis},
        attributes=attributes,
        models={
            name: {str(key): value for key, value in node.attrs.items()}
            for name, node in record.children.items()
        },
        incomplete=_incomplete(record),
    )


def _incomplete(record: "xr.DataTree") -> str:
    status = RunStatus(int(record[STATUS])) if STATUS in record else RunStatus.COMPLETE
    if status is RunStatus.COMPLETE:
        return ""
    why = str(record.attrs.get(FAILURE, ""))
    return status.name.lower() + (f": {why}" if why else "")


def with_unique_labels(runs: Sequence[ComparedRun]) -> list[ComparedRun]:
    """Tell runs of one label apart: by how their controllers differ, else by their identity."""
    unique = list(runs)
    for distinguish in (_controls, _identities, _positions):
        by_label: dict[str, list[int]] = {}
        for place, run in enumerate(unique):
            by_label.setdefault(run.label, []).append(place)
        for places in by_label.values():
            if len(places) > 1:
                additions = distinguish([unique[place] for place in places])
                for place, addition in zip(places, additions, strict=True):
                    label = unique[place].label
                    unique[place] = replace(
                        unique[place], label=f"{label} ({addition})" if addition else label
                    )
    return unique


def _controls(runs: Sequence[ComparedRun]) -> list[str]:
    return differing_controls([run.scenario for run in runs])


def _identities(runs: Sequence[ComparedRun]) -> list[str]:
    return [str(run.attributes.get("digest", "")) for run in runs]


def _positions(runs: Sequence[ComparedRun]) -> list[str]:
    return [str(place) for place, _ in enumerate(runs, start=1)]

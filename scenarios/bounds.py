"""What no scheme can undercut in a scenario: computed, kept as JSON, and given to comparisons."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from gridloom.controllers.milp.bound import PerfectInformationBounds, perfect_information_bounds
from gridloom.scenarios.building import build_models
from gridloom.scenarios.identity import run_digest
from gridloom.scenarios.reader import ScenarioDocument
from gridloom.scenarios.results.comparison.bounds import CertifiedBounds, EnergyReference
from gridloom.scenarios.schema import RecordConfig, Scenario
from gridloom.simulators.errors import GridloomError, Problem, ScenarioError
from gridloom.simulators.grid.schedule import ScheduleVerdict
from gridloom.simulators.quantities import format_duration

_log = logging.getLogger(__name__)

_KWH_PER_MWH = 1000.0
_INTERVAL_S = 60
_SAME_PRICE = 1e-9


@dataclass(frozen=True, kw_only=True)
class ScenarioBounds:
    """Bounds of one case, and which it is."""

    scenario: str
    """Its name."""
    case: str
    """Identity of all that makes the case and computes its bounds; controllers do not."""
    bounds: PerfectInformationBounds

    def certified(self, reference: EnergyReference | None = None) -> CertifiedBounds:
        """Return the bounds as a comparison takes them.

        Args:
            reference: whose energy the costs are adjusted to; None for uncoordinated charging. Its
                price must be that of the bounds.
        """
        bounds = self.bounds
        moved_eur = 0.0
        if reference is not None:
            moved_kwh = reference.vehicle_energy_kwh - bounds.uncoordinated_energy_kwh
            moved_eur = bounds.energy_value_eur_per_mwh * moved_kwh / _KWH_PER_MWH
        balanced_eur = bounds.energy_adjusted_cost_no_speculation_eur
        return CertifiedBounds(
            energy_adjusted_cost_eur=bounds.energy_adjusted_cost_eur + moved_eur,
            energy_adjusted_cost_no_speculation_eur=None
            if balanced_eur is None
            else balanced_eur + moved_eur,
            source=f"linear program (21) with perfect information, "
            f"{'' if bounds.counts_ratings else 'without limits of the grid, '}"
            f"means over {format_duration(bounds.interval_s)}, HiGHS{_in_words(bounds.schedule)}",
        )

    def write(self, path: Path) -> None:
        """Write them as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "ScenarioBounds":
        """Read what `write` wrote.

        Raises:
            ScenarioError: the file is missing or something else.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            parts = content.pop("bounds")
            # Files of before schedules were checked have none.
            schedule = parts.pop("schedule", None)
            verdict = None if schedule is None else ScheduleVerdict.of_parts(schedule)
            return cls(bounds=PerfectInformationBounds(**parts, schedule=verdict), **content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ScenarioError(
                Problem(
                    message=f"'{path}' holds no bounds: {error}",
                    expected="a file that 'gridloom bound --out' wrote",
                )
            ) from error


def _in_words(schedule: ScheduleVerdict | None) -> str:
    """Return what to add on the schedule that reaches the bound, '' where nothing is known."""
    if schedule is None:
        return ""
    if schedule.keeps_limits:
        return "; reached by a schedule that keeps the limits in the AC power flow"
    return "; reached by a schedule that exceeds limits in the AC power flow"


def scenario_bounds(
    document: ScenarioDocument,
    variant: str | None = None,
    *,
    energy_value_eur_per_mwh: float | None = None,
    interval_s: int = _INTERVAL_S,
) -> ScenarioBounds:
    """Compute the bounds of a scenario; its controllers play no part.

    Raises:
        ScenarioError: the scenario has no costs that could be bounded.
        SolveError: no schedule keeps all limits.
    """
    case = case_of(document.scenario(variant))
    try:
        models = build_models(case, document.folders)
        bounds = perfect_information_bounds(
            models,
            duration_s=case.duration_s,
            interval_s=interval_s,
            energy_value_eur_per_mwh=energy_value_eur_per_mwh,
        )
    except ScenarioError as error:
        raise document.complete(error, variant) from error
    return ScenarioBounds(
        scenario=case.name, case=run_digest(case, document.folders), bounds=bounds
    )


def case_of(scenario: Scenario) -> Scenario:
    """Return a scenario without what does not make its case."""
    couplings = tuple(
        coupling
        for coupling in scenario.couplings
        if coupling.source.partition(".")[0] not in scenario.controllers
        and coupling.destination.partition(".")[0] not in scenario.controllers
    )
    return scenario.model_copy(
        update={
            "controllers": {},
            "couplings": couplings,
            "variant": None,
            "title": "",
            "description": "",
            "record": RecordConfig(),
        }
    )


def bounds_source(
    document: ScenarioDocument, out: Path
) -> Callable[[EnergyReference], CertifiedBounds | None]:
    """Return what gives a comparison of a scenario's variants their bounds.

    They are those of the first variant's case. Computed once and kept below `out`; there are none
    where the scenario has no costs that could be bounded, and the log then says why.
    """

    def bounds(reference: EnergyReference) -> CertifiedBounds | None:
        variant = next(iter(document.variants), None)
        value = reference.price_eur_per_mwh
        case = run_digest(case_of(document.scenario(variant)), document.folders)
        kept = out / f"{document.name}-bounds-{case}.json"
        try:
            found = ScenarioBounds.read(kept) if kept.exists() else None
            if found is None or abs(found.bounds.energy_value_eur_per_mwh - value) > _SAME_PRICE:
                found = scenario_bounds(document, variant, energy_value_eur_per_mwh=value)
                found.write(kept)
        except GridloomError as error:
            _log.info("no bounds: %s", error)
            return None
        return found.certified(reference)

    return bounds


def kept_bounds(path: Path) -> Callable[[EnergyReference], CertifiedBounds]:
    """Return what gives a comparison the bounds of a file.

    Raises:
        ScenarioError: at once if the file holds none; later if they rest on another price.
    """
    found = ScenarioBounds.read(path)
    value = found.bounds.energy_value_eur_per_mwh

    def bounds(reference: EnergyReference) -> CertifiedBounds:
        if abs(reference.price_eur_per_mwh - value) > _SAME_PRICE:
            raise ScenarioError(
                Problem(
                    message=f"the bounds of '{path}' value energy at {value:g} EUR/MWh, the "
                    f"comparison at {reference.price_eur_per_mwh:g}",
                    suggestion=f"compare with --energy-price {value:g}",
                )
            )
        return found.certified(reference)

    return bounds

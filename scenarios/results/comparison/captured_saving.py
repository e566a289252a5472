"""How much of the saving that flexibility could bring each rule of coordination captures.

efficiency = (C_schedule - C) / (C_schedule - C_central)

with the operating cost C, that of a run in which all keep their day-ahead schedules, and that of a
central optimum with the same information. The latter knows no more of the future than the rules
do, so that a rule may by luck exceed 100 %; what knowing the future would bring is told as well.
Only runs that bought the same energy day-ahead, and leave as much in the vehicles, are measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose, isfinite, nan

from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.scenarios.results.comparison.measures import Measure

OPERATING_COST = "operating_cost_eur"
_DAY_AHEAD_COST, _VEHICLE_ENERGY = "day_ahead_cost_eur", "vehicle_energy_kwh"
_SAME_ENERGY = 1e-4
EFFICIENCY = "efficiency_percent"
SCHEDULE, CENTRAL, PERFECT = "schedule", "central", "perfect"
_NEGLIGIBLE_EUR = 1e-6


@dataclass(frozen=True, kw_only=True)
class CapturedSaving:
    """The operating costs of all runs, and the two that the share rests on."""

    costs_eur: tuple[float, ...]
    """One a run, NaN where it has none, or bought other energy day-ahead than the two below."""
    schedule_eur: float
    central_eur: float

    @property
    def shares_percent(self) -> tuple[float, ...]:
        """One a run."""
        room_eur = self.schedule_eur - self.central_eur
        return tuple(100.0 * (self.schedule_eur - cost) / room_eur for cost in self.costs_eur)


def captured_saving(runs: Sequence[ComparedRun]) -> CapturedSaving | None:
    """Return how much each run saves, or None where there is no measure of it."""
    reference = next((run for run in runs if run.rule == SCHEDULE), None)
    if reference is None:
        return None
    costs_eur = tuple(
        run.value(OPERATING_COST) if _is_alike(run, reference) else nan for run in runs
    )
    by_rule = {run.rule: cost for run, cost in reversed(list(zip(runs, costs_eur, strict=True)))}
    schedule_eur, central_eur = by_rule.get(SCHEDULE, nan), by_rule.get(CENTRAL, nan)
    if not schedule_eur - central_eur > _NEGLIGIBLE_EUR:
        return None
    return CapturedSaving(costs_eur=costs_eur, schedule_eur=schedule_eur, central_eur=central_eur)


def _is_alike(run: ComparedRun, reference: ComparedRun) -> bool:
    """Whether two runs bought the same day-ahead and left as much in the vehicles."""
    bought_eur = run.value(_DAY_AHEAD_COST) - reference.value(_DAY_AHEAD_COST)
    fleets = [of for name, of in reference.kpis if name == _VEHICLE_ENERGY]
    left = [
        isclose(
            run.value(_VEHICLE_ENERGY, of),
            reference.value(_VEHICLE_ENERGY, of),
            rel_tol=_SAME_ENERGY,
        )
        for of in fleets
    ]
    return abs(bought_eur) < _NEGLIGIBLE_EUR and all(left)


def captured_measures(runs: Sequence[ComparedRun]) -> list[Measure]:
    """Return the share of the central saving as a row."""
    saving = captured_saving(runs)
    if saving is None:
        return []
    return [
        Measure(
            name=EFFICIENCY,
            label="share of the central saving that is captured",
            unit="percent",
            values=saving.shares_percent,
            group="Costs",
            headline=True,
            derived=True,
        )
    ]


def shares_by_label(runs: Sequence[ComparedRun]) -> dict[str, float]:
    """Return what each rule captures, best first, percent; the references are left out."""
    saving = captured_saving(runs)
    if saving is None:
        return {}
    shares = {
        run.label: share
        for run, share in zip(runs, saving.shares_percent, strict=True)
        if isfinite(share) and run.rule not in {SCHEDULE, CENTRAL, PERFECT}
    }
    return dict(sorted(shares.items(), key=lambda item: -item[1]))

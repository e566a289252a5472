"""The comparison in plain words, from the numbers that are there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from gridloom.scenarios.results.comparison.captured_saving import (
    CENTRAL,
    PERFECT,
    captured_saving,
    shares_by_label,
)
from gridloom.scenarios.results.comparison.compared_run import ComparedRun
from gridloom.scenarios.results.comparison.energy_adjusted import AdjustedCosts
from gridloom.scenarios.results.kpis.several_steps import means_of_rows
from gridloom.scenarios.results.wording import number, span

_TARIFF_COST = "tariff_cost_eur"
_HALF_A_CENT = 0.005
_MOST_NAMED = 4
"""Schemes named one by one."""


def sentences(
    runs: Sequence[ComparedRun], reference: ComparedRun, costs: AdjustedCosts | None
) -> list[str]:
    """Return what the comparison shows: cost, grid, vehicles; best first."""
    told = [
        _captured(runs),
        _balance(runs),
        *_cost_sentences(runs, reference, costs),
        *_tariffs(runs, reference),
        _overload(runs),
        _voltage(runs),
        _vehicles(runs),
    ]
    return [sentence for sentence in told if sentence]


def listed(names: Sequence[str]) -> str:
    """Write names as part of a sentence.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _captured(runs: Sequence[ComparedRun]) -> str:
    """Tell what share of the saving that a central optimum brings each rule captures."""
    saving, shares = captured_saving(runs), shares_by_label(runs)
    if saving is None or not shares:
        return ""
    told = [f"{label} {number(share)} %" for label, share in shares.items()]
    return (
        "Of what a central optimum with the same information saves (operating cost "
        f"{number(saving.central_eur, 5)} instead of {number(saving.schedule_eur, 5)} EUR with "
        f"day-ahead schedules kept), the rules capture: {listed(told)}."
    )


def _balance(runs: Sequence[ComparedRun]) -> str:
    """Tell with which rules the coordinator neither gains nor loses; an optimum has no prices."""
    values = {
        run.label: run.value("mcu_balance_eur")
        for run in runs
        if run.rule not in {CENTRAL, PERFECT}
    }
    known = {label: value for label, value in values.items() if isfinite(value)}
    told = [
        f"{'keeps' if value > 0 else 'adds'} {number(abs(value))} EUR with {label}"
        for label, value in known.items()
        if abs(value) >= _HALF_A_CENT
    ]
    even = [label for label, value in known.items() if abs(value) < _HALF_A_CENT]
    if even:
        told = [f"breaks even with {listed(even)}", *told]
    return f"The coordinator {', '.join(told)}." if told else ""


def _cost_sentences(
    runs: Sequence[ComparedRun], reference: ComparedRun, costs: AdjustedCosts | None
) -> list[str]:
    if costs is None:
        return []
    others = [place for place, run in enumerate(runs) if run is not reference]
    others = sorted(
        (place for place in others if isfinite(costs.costs_eur[place])),
        key=lambda place: costs.costs_eur[place],
    )[:_MOST_NAMED]
    if not others:
        return []
    bounds = costs.bounds
    if bounds is None:
        return [_savings(runs, reference, costs, others)]
    goals = (
        (
            bounds.energy_adjusted_cost_no_speculation_eur,
            "the best possible without speculation",
        ),
        (bounds.energy_adjusted_cost_eur, "the best possible with speculation on known prices"),
    )
    found = []
    for bound_eur, goal in goals:
        closed = costs.gap_closed_percent(bound_eur)
        if bound_eur is not None and isfinite(closed[others[0]]):
            shares = {runs[place].label: closed[place] for place in others}
            found.append(
                f"{_who_closes(shares)} of the gap between {reference.label} and {goal} "
                f"(energy-adjusted cost {number(costs.reference_cost_eur)} against "
                f"{number(bound_eur)} EUR){_who_does_not(shares, reference)}."
            )
    return found


def _who_closes(shares: Mapping[str, float]) -> str:
    told = [f"{label} closes {number(share, 2)} %" for label, share in shares.items() if share > 0]
    return listed(told) if told else "No scheme closes any"


def _who_does_not(shares: Mapping[str, float], reference: ComparedRun) -> str:
    behind = [label for label, share in shares.items() if share <= 0]
    if not behind or len(behind) == len(shares):
        return ""
    return (
        f"; {listed(behind)} cost{'s' if len(behind) == 1 else ''} no less than {reference.label}"
    )


def _savings(
    runs: Sequence[ComparedRun],
    reference: ComparedRun,
    costs: AdjustedCosts,
    others: Sequence[int],
) -> str:
    base_eur = costs.reference_cost_eur
    told = _told_against(base_eur, {runs[k].label: costs.costs_eur[k] for k in others})
    return (
        "Imbalances, and the energy missing in the vehicles, cost "
        f"{number(base_eur)} EUR with {reference.label}, {listed(told)}."
    )


def _told_against(base_eur: float, costs_eur: Mapping[str, float]) -> list[str]:
    """Write costs by label, and by how much they differ from another."""
    told = []
    for label, cost_eur in costs_eur.items():
        change = 100.0 * (cost_eur - base_eur) / base_eur if base_eur > 0 else 0.0
        relative = f" ({number(abs(change), 2)} % {'less' if change < 0 else 'more'})"
        told.append(f"{number(cost_eur)} EUR with {label}{relative if change else ''}")
    return told


def _tariffs(runs: Sequence[ComparedRun], reference: ComparedRun) -> list[str]:
    """Tell what energy costs at each tariff, the cheapest schemes first."""
    tariffs = dict.fromkeys(
        of
        for name, of in reference.kpis
        if name == _TARIFF_COST and (not of or of in reference.models)
    )
    found = []
    for of in tariffs:
        others = {run.label: run.value(_TARIFF_COST, of) for run in runs if run is not reference}
        known = {label: cost for label, cost in others.items() if isfinite(cost)}
        cheapest = dict(sorted(known.items(), key=lambda item: item[1])[:_MOST_NAMED])
        if cheapest:
            base_eur = reference.value(_TARIFF_COST, of)
            at = f"At the tariff '{of}' energy" if of else "At the tariff, energy"
            told = listed(_told_against(base_eur, cheapest))
            found.append(f"{at} costs {number(base_eur)} EUR with {reference.label}, {told}.")
    return found


def _overload(runs: Sequence[ComparedRun]) -> str:
    told = _contrast(
        runs,
        "line_overload_duration_s",
        _Trouble(
            begin="{} overloads lines for",
            further="{} for",
            amount=lambda _, seconds: span(seconds),
            none="No line is ever overloaded, in any run.",
            spared=("never overloads a line", "never overload a line"),
        ),
    )
    means = means_of_rows(*(run.parts.grid for run in runs if run.parts.grid is not None))
    return f"{told.removesuffix('.')} (of {means})." if told and means else told


def _voltage(runs: Sequence[ComparedRun]) -> str:
    return _contrast(
        runs,
        "connection_points_outside_limits",
        _Trouble(
            begin="Connection points outside the voltage limits: {}",
            amount=lambda _, count: number(count, 6),
        ),
    )


def _vehicles(runs: Sequence[ComparedRun]) -> str:
    if all(run.total("sessions_departed") == 0 for run in runs):
        return ""

    def of_departed(run: ComparedRun, count: float) -> str:
        departed = run.total("sessions_departed")
        return number(count, 6) + (f" of {number(departed, 6)}" if isfinite(departed) else "")

    return _contrast(
        runs,
        "sessions_below_requirement",
        _Trouble(
            begin="Departing vehicles below their requirement: {}",
            amount=of_departed,
            none="Every departing vehicle has what it requires, in all runs.",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Trouble:
    """How to tell which runs have a trouble, and which have not."""

    begin: str
    """Of the first run in trouble; {} is its name."""
    further: str = "{}"
    """Of the others."""
    amount: Callable[[ComparedRun, float], str]
    none: str = ""
    """If no run is in trouble; '' to keep silent."""
    spared: tuple[str, str] = ("none", "none")
    """Of one run that is not in trouble, and of several."""


def _contrast(runs: Sequence[ComparedRun], name: str, trouble: _Trouble) -> str:
    """Tell who has a trouble and who has not, by an indicator of which zero is best."""
    values = {run.label: run.total(name) for run in runs}
    troubled = [run for run in runs if values[run.label] > 0]
    spared = [label for label, value in values.items() if value == 0]
    if not troubled:
        return trouble.none if spared else ""
    told = [
        f"{(trouble.further if place else trouble.begin).format(run.label)} "
        f"{trouble.amount(run, values[run.label])}"
        for place, run in enumerate(troubled)
    ]
    rest = f"; {listed(spared)} {trouble.spared[len(spared) > 1]}" if spared else ""
    return f"{', '.join(told)}{rest}."

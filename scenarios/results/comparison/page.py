"""The comparison as one HTML page that needs nothing but itself, in the look of the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridloom.scenarios.results.comparison.comparison import Comparison
from gridloom.scenarios.results.comparison.measures import Measure
from gridloom.scenarios.results.comparison.published import Beside
from gridloom.scenarios.results.html_page import write_page
from gridloom.scenarios.results.wording import DASH, MINUS, number, span

if TYPE_CHECKING:
    from gridloom.scenarios.results.figures.style import ReportFigure

_TEMPLATE = Path(__file__).with_name("comparison.html")


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run as the page prints it."""

    label: str
    controllers: str
    information: str
    """What its controllers may know."""
    identity: str
    version: str
    computed: str
    wall_time: str


@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """A published value and ours, as the page prints them."""

    scheme: str
    quantity: str
    published: str
    ours: str
    note: str


def write_comparison_page(comparison: Comparison, path: Path) -> None:
    """Write a comparison as one self-contained HTML page; the runs' records must be open.

    Raises:
        RecordError: the page cannot be written.
    """
    from gridloom.scenarios.results.comparison.figures import comparison_figures
    from gridloom.scenarios.results.comparison.figures.looks import scheme_looks

    looks = scheme_looks(comparison.labels, comparison.reference.label)
    content = _content(comparison, comparison_figures(comparison))
    content["colours"] = [looks[label].colour for label in comparison.labels]
    write_page(path, _TEMPLATE, content)


def _content(comparison: Comparison, figures: "Sequence[ReportFigure]") -> dict[str, Any]:
    """Return what the template prints."""
    return {
        "title": comparison.title,
        "labels": comparison.labels,
        "reference": comparison.reference.label,
        "sentences": comparison.sentences,
        "warnings": comparison.warnings,
        "notes": _notes(comparison),
        "groups": _grouped(comparison.measures),
        "settlements": [
            (table.title, [(label, _cells(cells)) for label, cells in table.cells()])
            for table in comparison.settlements
        ],
        "beside": [row for beside in comparison.beside for row in _beside(beside)],
        "sources": list(
            dict.fromkeys(
                each.published.source for each in comparison.beside if each.published.source
            )
        ),
        "figures": figures,
        "runs": _runs(comparison),
    }


def _notes(comparison: Comparison) -> list[str]:
    """Return how the numbers are to be read."""
    notes = [f"Ratios and gaps refer to {comparison.reference_reason}."]
    costs = comparison.costs
    if costs is not None:
        energy = costs.reference
        notes.append(
            "Energy-adjusted cost J = imbalance cost, eq. (21), plus "
            f"{number(energy.price_eur_per_mwh, 4)} EUR/MWh times the energy missing in the "
            f"vehicles against '{energy.label}' ({number(energy.vehicle_energy_kwh, 5)} kWh, at "
            "departure or the end of the run): a scheme cannot look cheap by leaving them empty."
        )
        notes.append(_note_of_bounds(comparison))
    if any("_wall_time_" in measure.name for measure in comparison.measures):
        notes.append(
            "Computing times are wall times of the machine that ran each scheme; all else is "
            "reproducible."
        )
    if any(measure.name.startswith("plan_") for measure in comparison.measures):
        notes.append(
            "Plans are compared with the recorded power flow as means over the controller's steps."
        )
    return notes


def _note_of_bounds(comparison: Comparison) -> str:
    bounds = comparison.costs.bounds if comparison.costs else None
    if bounds is None:
        return "No certified bound of J was given: how far each scheme is from the best is unknown."
    lowest = f"{number(bounds.energy_adjusted_cost_eur)} EUR with speculation on known prices"
    honest_eur = bounds.energy_adjusted_cost_no_speculation_eur
    honest = "" if honest_eur is None else f"{number(honest_eur)} EUR without speculation, "
    source = f" ({bounds.source})" if bounds.source else ""
    return (
        f"Certified lower bounds of J: {honest}{lowest}{source}. Gap closed: 0 % is the reference, "
        "100 % the bound; a run with more breaks limits that the bound keeps."
    )


def _grouped(
    measures: Sequence[Measure],
) -> list[tuple[str, list[tuple[str, list[str], str]]]]:
    """Return label, values and unit of the measures by group."""
    groups: dict[str, list[tuple[str, list[str], str]]] = {}
    for measure in measures:
        texts = [_printed(text) for text in measure.texts(missing=DASH)]
        row = (measure.label, texts, measure.printed_unit)
        groups.setdefault(measure.group, []).append(row)
    return list(groups.items())


def _cells(cells: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(_printed(cost), _printed(ratio)) for cost, ratio in cells]


def _printed(text: str) -> str:
    """Write numbers with a real minus sign; '-' alone stands for nothing."""
    return DASH if text == "-" else text.replace("-", MINUS)


def _beside(beside: Beside) -> list[PublishedRow]:
    """Return a row for each run that a published value speaks of, or one without any."""
    published = beside.published
    unit = Measure(name="", label="", unit=published.unit, values=()).printed_unit
    ours = [(label, _with_unit(value, unit)) for label, value in beside.ours]
    return [
        PublishedRow(
            scheme=label,
            quantity=beside.label,
            published=_with_unit(published.value, unit),
            ours=value,
            note=published.note,
        )
        for label, value in ours or [(published.scheme, "not compared")]
    ]


def _with_unit(value: float, unit: str) -> str:
    digits = 3 if unit else 5
    return f"{number(value, digits)} {unit}".strip() if isfinite(value) else DASH


def _runs(comparison: Comparison) -> list[RunRow]:
    rows = []
    for run in comparison.runs:
        controllers = {
            name: model for name, model in run.models.items() if model.get("role") == "controller"
        }
        information = dict.fromkeys(str(m.get("information_set", "")) for m in controllers.values())
        seconds = run.attributes.get("wall_time_s")
        rows.append(
            RunRow(
                label=run.label,
                controllers=", ".join(
                    f"{name}: {model.get('model_type', '')}" for name, model in controllers.items()
                )
                or "none",
                information="; ".join(filter(None, information)) or DASH,
                identity=str(run.attributes.get("digest", DASH)),
                version=str(run.attributes.get("gridloom_version", DASH)),
                computed=str(run.attributes.get("created", DASH)),
                wall_time=DASH if seconds is None else span(float(seconds)),
            )
        )
    return rows

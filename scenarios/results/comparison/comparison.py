"""The comparison of runs of one case: everything that its table and its page say, as data."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from gridloom.scenarios.results.comparison.bounds import BoundsSource, resolve_bounds
from gridloom.scenarios.results.comparison.captured_saving import SCHEDULE
from gridloom.scenarios.results.comparison.comparability import require_comparable, warnings
from gridloom.scenarios.results.comparison.compared_run import ComparedRun, with_unique_labels
from gridloom.scenarios.results.comparison.energy_adjusted import (
    AdjustedCosts,
    adjusted_costs,
    energy_reference,
)
from gridloom.scenarios.results.comparison.headline import headline_measures
from gridloom.scenarios.results.comparison.measures import Measure
from gridloom.scenarios.results.comparison.published import (
    Beside,
    PublishedValue,
    beside_published,
)
from gridloom.scenarios.results.comparison.sentences import sentences
from gridloom.scenarios.results.comparison.settlement import SettlementTable, settlement_tables


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions:
    """What a comparison is told beside its runs."""

    anyway: bool = False
    """Accept runs of different cases, and runs that are not complete."""
    energy_price_eur_per_mwh: float | None = None
    """Value of energy left in vehicles; None for the mean of all imbalance prices."""
    bounds: BoundsSource | None = None
    """What the energy-adjusted cost cannot fall below."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs of one case side by side."""

    runs: tuple[ComparedRun, ...]
    """In the order given; labels are unique."""
    reference: ComparedRun
    """The one that ratios and J refer to."""
    measures: tuple[Measure, ...]
    """The headline table."""
    costs: AdjustedCosts | None
    settlements: tuple[SettlementTable, ...]
    """Table I of the paper, one by each equation and market."""
    beside: tuple[Beside, ...]
    """Published values and ours."""
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def title(self) -> str:
        """What was compared."""
        first = self.reference
        return str(first.scenario.get("title") or first.name)

    @property
    def labels(self) -> list[str]:
        """Names of the runs."""
        return [run.label for run in self.runs]

    @property
    def reference_reason(self) -> str:
        """Which run is the reference, and why."""
        label = self.reference.label
        if self.reference.is_basic:
            return f"'{label}', whose devices nobody coordinates"
        if self.reference.rule == SCHEDULE:
            return f"'{label}', in which all keep their day-ahead schedules"
        return f"'{label}', the first, as no run is known to be uncoordinated"

    @property
    def folder_name(self) -> str:
        """Name of the folder it is written to by default: the same runs, the same folder."""
        identity = hashlib.sha256()
        for run in self.runs:
            identity.update(f"{run.attributes.get('digest') or run.path}\n".encode())
        return f"{self.reference.name}-comparison-{identity.hexdigest()[:10]}"


def compare_runs(
    runs: Sequence[ComparedRun],
    options: ComparisonOptions,
    published: Sequence[PublishedValue] = (),
) -> Comparison:
    """Set runs side by side.

    Args:
        runs: at least two; their records must be open.
        options: see there.
        published: values that others published of the case.

    Raises:
        ScenarioError: the runs cannot be compared, see `require_comparable`.
    """
    runs = with_unique_labels(runs)
    require_comparable(runs, anyway=options.anyway)
    reference = _reference(runs)
    energy = energy_reference(reference, options.energy_price_eur_per_mwh)
    costs = adjusted_costs(runs, energy, resolve_bounds(options.bounds, energy))
    return Comparison(
        runs=tuple(runs),
        reference=reference,
        measures=tuple(headline_measures(runs, reference, costs)),
        costs=costs,
        settlements=tuple(settlement_tables(runs, reference)),
        beside=tuple(beside_published(runs, published)),
        sentences=tuple(sentences(runs, reference, costs)),
        warnings=tuple(warnings(runs)),
    )


def _reference(runs: Sequence[ComparedRun]) -> ComparedRun:
    """Return the run without coordination: uncoordinated charging, or schedules that are kept."""
    basic = [run for run in runs if run.is_basic]
    scheduled = [run for run in runs if run.rule == SCHEDULE]
    return [*basic, *scheduled, *runs][0]

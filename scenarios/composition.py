"""A scenario whose models are built and coupled, ready to be stepped."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gridloom.scenarios.building import build_models
from gridloom.scenarios.coupling import Coupling, couple
from gridloom.scenarios.reader import ScenarioDocument
from gridloom.scenarios.schema import Scenario
from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import Model


@dataclass(frozen=True, kw_only=True)
class Composition:
    """The models of a scenario, and who sends what to whom."""

    scenario: Scenario
    folders: tuple[Path, ...]
    """Where relative file names are looked up."""
    from_record: bool = False
    """Whether the scenario is that of a record: somebody may have sent it with its folder."""
    models: Mapping[str, Model]
    couplings: Sequence[Coupling]

    @property
    def connection_points(self) -> tuple[str, ...] | None:
        """The grid's connection points, None in a scenario without a grid."""
        grids = (model for model in self.models.values() if model.offers_connection_points)
        grid = next(grids, None)
        return None if grid is None else grid.connection_points


def compose(document: ScenarioDocument, scenario: Scenario) -> Composition:
    """Build and couple a scenario's models.

    Raises:
        ScenarioError: with the place in the file of everything that is wrong.
    """
    with located(document, scenario):
        models = build_models(scenario, document.folders)
        couplings = couple(models, scenario.couplings)
    return Composition(
        scenario=scenario,
        folders=tuple(document.folders),
        from_record=document.is_record,
        models=models,
        couplings=couplings,
    )


@contextmanager
def located(document: ScenarioDocument, scenario: Scenario) -> Iterator[None]:
    """Add the place in the file to every problem that the block finds."""
    try:
        yield
    except ScenarioError as error:
        raise document.complete(error, scenario.variant) from error

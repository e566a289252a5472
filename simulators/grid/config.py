"""What a scenario may say about the grid."""

from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, Field, field_validator, model_validator

from gridloom.simulators.quantities import Config, InputFile, ModelConfig, Positive

REFERENCE_NETWORK = "ieee_european_lv"
"""The IEEE European LV test feeder with the errors of pandapower's copy repaired."""
_MOST_COPIES = 10_000
"""Half a million houses of the reference network: more is a slip of the keyboard."""
_HIGHEST_PU = 2.0
"""No grid is run at more; volts and percent are."""


def _per_unit(value: float) -> float:
    if value > _HIGHEST_PU:
        raise ValueError("expected a voltage in per unit of the nominal one, such as 1.05")
    return value


PerUnit: TypeAlias = Annotated[Positive, AfterValidator(_per_unit)]
"""A voltage over the nominal voltage."""


class EngineName(StrEnum):
    """Who solves the power flow."""

    AUTO = "auto"
    """`radial` where the network allows it, otherwise `pgm`: the default."""
    RADIAL = "radial"
    """gridloom's sweep over a tree: fastest, for networks that are one."""
    PGM = "pgm"
    """power-grid-model: fast, also for meshed networks."""
    PANDAPOWER = "pandapower"
    """pandapower's `runpp` and `runpp_3ph`: slower, supports voltage-controlled generators."""
    OPENDSS = "opendss"
    """OpenDSS (needs the extra `opendss`): another solver's word on the same network."""


class Phases(StrEnum):
    """How many phases the power flow has."""

    AUTO = "auto"
    """Unbalanced where the network has asymmetric loads and zero-sequence parameters."""
    BALANCED = "balanced"
    UNBALANCED = "unbalanced"


class OnDivergence(StrEnum):
    """What happens where the power flow has no solution."""

    FAIL = "fail"
    """The run ends with a `DivergenceError`."""
    HOLD = "hold"
    """The step is marked as unsolved, its outputs are NaN, and the run goes on."""


class Background(StrEnum):
    """What becomes of the network's own loads, static generators and storage units."""

    NONE = "none"
    """They only mark connection points: power comes from the scenario's models alone."""
    NET = "net"
    """They stay as constant injections, and the scenario's models come on top."""


class MediumVoltage(Config):
    """The medium-voltage grid that joins the copies of a network: strings from one busbar."""

    feeders_per_string: Annotated[int, Field(gt=0)] = 10
    """Copies along each string of cable."""
    cable_km: Positive = 0.5
    """Length of cable between neighbouring copies, and from the busbar to the first ones."""
    cable: str | None = None
    """A medium-voltage cable of pandapower's standard types; by default 1x240 mm2 aluminium for the
    voltage of the external grid: `NA2XS2Y 1x240 RM/25 6/10 kV` up to 12 kV, `12/20 kV` up to 24."""


class NetworkSource(Config):
    """Where the network comes from: exactly one of `name`, `file` and `simbench`; and how often."""

    name: str | None = None
    """`ieee_european_lv` or the name of a function in `pandapower.networks`."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of that function."""
    file: InputFile | None = None
    """A network that pandapower wrote with `to_json`."""
    simbench: str | None = None
    """SimBench code, such as `1-LV-rural1--0-sw` (needs the extra `simbench`)."""
    copies: Annotated[int, Field(gt=0, le=_MOST_COPIES)] = 1
    """So many copies of it under one medium-voltage grid, their names `1/LOAD1`, `2/LOAD1` and so
    on; the network needs exactly one external grid, at medium voltage."""
    medium_voltage: MediumVoltage = MediumVoltage()
    """What joins the copies."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [source for source in (self.name, self.file, self.simbench) if source is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of 'name', 'file' and 'simbench'")
        if self.arguments and (self.name is None or self.name == REFERENCE_NETWORK):
            raise ValueError("'arguments' belong to the name of a function in pandapower.networks")
        if self.copies == 1 and self.medium_voltage != MediumVoltage():
            raise ValueError("'medium_voltage' joins copies: give 'copies' as well")
        return self


class GridConfig(ModelConfig):
    """A grid: the network, how it is solved and the limits it is judged by."""

    network: NetworkSource
    """Where the network comes from."""
    engine: EngineName = EngineName.AUTO
    """Who solves the power flow."""
    phases: Phases = Phases.AUTO
    """Balanced (one phase stands for all) or unbalanced (three phases)."""
    line_ratings_a: dict[str, Positive] = Field(default_factory=dict)
    """Rated currents that replace the network's, by line name; where the network has `copies`, the
    name of one copy's line, such as `17/LINE117`, or `LINE117` for that of all."""
    voltage_limits_pu: tuple[PerUnit, PerUnit] = (0.9, 1.1)
    """Lowest and highest admissible voltage; KPIs count violations, nothing is enforced."""
    on_divergence: OnDivergence = OnDivergence.FAIL
    """What happens where the power flow has no solution."""
    background: Background = Background.NONE
    """What becomes of the network's own loads, static generators and storage units."""
    source_voltage_pu: PerUnit | None = None
    """Voltage of the external grids; by default the network's own."""
    source_impedance: bool | None = None
    """Whether the external grids' short-circuit impedance lies in series with them.

    By default only in `ieee_european_lv`; elsewhere the voltage is held at the bus of the external
    grid, as pandapower's `runpp` does.
    """

    @field_validator("voltage_limits_pu")
    @classmethod
    def _ordered(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[0] >= limits[1]:
            raise ValueError("the lower voltage limit must be below the upper one")
        return limits

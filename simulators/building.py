"""How buildings store and lose heat: networks of one or two resistances and capacities.

1R1C, all of the building at one temperature::

    C dT/dt = H (T_outdoor - T) + heat + gain

2R2C, air and mass, which the air heats (the equivalent thermal parameters of Z. Taylor, K. Gowri
and S. Katipamula, "GridLAB-D Technical Support Document: Residential End-Use Module", PNNL-17694,
2008)::

    C_air  dT_air/dt  = H (T_outdoor - T_air) + G (T_mass - T_air) + heat + (1 - s) gain
    C_mass dT_mass/dt = G (T_air - T_mass) + s gain
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from gridloom.simulators.model import BuildContext, FloatArray
from gridloom.simulators.profiles.placement import PerElement, per_element
from gridloom.simulators.quantities import SECONDS_PER_HOUR, Config, Fraction

AIR = 0
"""The node that is heated, and whose temperature people feel."""
MASS = 1
"""The node of walls, floors and furniture; 2R2C alone has it."""

_COUPLING_OVER_HEAT_LOSS = 10.0


class BuildingConfig(Config):
    """Keys of a population of buildings.

    The defaults are a detached house of 120 m2: its heat capacity is that of ISO 13790's medium
    class, 165 kJ/K a square metre.
    """

    belong_to_mass: ClassVar[frozenset[str]] = frozenset(
        {"air_capacity_share", "coupling_kw_per_k", "mass_gain_share"}
    )

    model: Literal["1R1C", "2R2C"] = "1R1C"
    """One temperature for all of the building, or one of its air and one of its mass."""
    heat_loss_kw_per_k: PerElement = 0.15
    """Heat lost through the envelope and by ventilation, for each kelvin between in- and outdoor
    air."""
    heat_capacity_kwh_per_k: PerElement = 5.5
    """Of all of the building."""
    air_capacity_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """With 2R2C: share of the heat capacity that follows the air, which is air and furniture."""
    coupling_kw_per_k: PerElement | None = None
    """With 2R2C: heat flow from the air into the mass for each kelvin between them; unless given
    ten times the heat loss."""
    mass_gain_share: Fraction = 0.5
    """With 2R2C: share of the heat gains that reaches the mass; the air has the rest."""
    spread: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """How far buildings differ: heat loss and heat capacity of each are multiplied by numbers drawn
    evenly between 1 - spread and 1 + spread."""

    @model_validator(mode="after")
    def _of_this_model(self) -> Self:
        # Not `model_fields_set`: written down whole, as for another process, all keys are given.
        fields = type(self).model_fields
        surplus = {n for n in self.belong_to_mass if getattr(self, n) != fields[n].default}
        if self.model == "1R1C" and surplus:
            raise ValueError(f"{min(surplus)} needs model: 2R2C")
        return self


@dataclass(frozen=True, kw_only=True)
class ThermalDynamics:
    """What becomes of temperatures over an interval of given length.

    Exact for inputs that are constant over it: with temperatures x (°C) at its beginning,

        transition @ x + k_per_kw_heat heat + k_per_kw_gain gain + k_per_k_outdoor T_outdoor

    are those at its end. Node 0 is the air, node 1 the mass.
    """

    transition: FloatArray
    """(building, node, node)"""
    k_per_kw_heat: FloatArray
    """(building, node), of the heat pump's heat."""
    k_per_kw_gain: FloatArray
    """(building, node), of people, appliances and the sun."""
    k_per_k_outdoor: FloatArray
    """(building, node)"""

    def floating(
        self, temperature_c: FloatArray, gain_kw: FloatArray, outdoor_c: float
    ) -> FloatArray:
        """Return the temperatures at the interval's end without heating: (building, node).

        Args:
            temperature_c: (building, node), at its beginning.
            gain_kw: (building,), mean over the interval.
            outdoor_c: mean over the interval.
        """
        kept = np.einsum("bij,bj->bi", self.transition, temperature_c)
        floating: FloatArray = (
            kept + self.k_per_kw_gain * gain_kw[:, np.newaxis] + self.k_per_k_outdoor * outdoor_c
        )
        return floating


class Buildings:
    """A population of buildings, all of the same model: their conductances and capacities."""

    def __init__(
        self, config: BuildingConfig, context: BuildContext, points: tuple[str, ...]
    ) -> None:
        """Read the buildings at ``points``.

        Raises:
            ScenarioError: a building is missing or unknown in one of the keys.
        """
        factors = 1.0 + config.spread * context.rng("building").uniform(-1.0, 1.0, (2, len(points)))
        self.heat_loss_kw_per_k = factors[0] * per_element(
            config.heat_loss_kw_per_k, points, "heat_loss_kw_per_k", "building"
        )
        """(building,)"""
        whole_kwh_per_k = factors[1] * per_element(
            config.heat_capacity_kwh_per_k, points, "heat_capacity_kwh_per_k", "building"
        )
        if config.model == "1R1C":
            self.heat_capacity_kwh_per_k = whole_kwh_per_k[:, np.newaxis]
            """(building, node)"""
            self.coupling_kw_per_k = np.zeros(len(points))
            """(building,), between air and mass; 0 with 1R1C."""
            self.gain_shares = np.ones(1)
            """(node,), how heat gains are split."""
            return
        shares = np.array([config.air_capacity_share, 1.0 - config.air_capacity_share])
        self.heat_capacity_kwh_per_k = np.outer(whole_kwh_per_k, shares)
        self.coupling_kw_per_k = _COUPLING_OVER_HEAT_LOSS * self.heat_loss_kw_per_k
        if config.coupling_kw_per_k is not None:
            self.coupling_kw_per_k = per_element(
                config.coupling_kw_per_k, points, "coupling_kw_per_k", "building"
            )
        self.gain_shares = np.array([1.0 - config.mass_gain_share, config.mass_gain_share])

    @property
    def nodes(self) -> int:
        """How many temperatures a building has: 1 (1R1C) or 2 (2R2C)."""
        return len(self.gain_shares)

    def conductances_kw_per_k(self) -> FloatArray:
        """Return the heat that leaves node i for each kelvin of node j: (building, node, node)."""
        matrix = np.zeros((len(self.heat_loss_kw_per_k), self.nodes, self.nodes))
        matrix[:, AIR, AIR] = self.heat_loss_kw_per_k
        if self.nodes > 1:
            coupling = self.coupling_kw_per_k[:, np.newaxis, np.newaxis]
            matrix += coupling * np.array([[1.0, -1.0], [-1.0, 1.0]])
        return matrix

    def dynamics(self, interval_s: int) -> ThermalDynamics:
        """Return the exact discretisation over intervals of this length.

        With C = capacities and K = conductances, C^-1/2 K C^-1/2 is symmetric and positive
        definite: its eigenvectors give exp(-C^-1 K t) and its integral for all buildings at once.
        """
        root = np.sqrt(self.heat_capacity_kwh_per_k)
        scale = root[:, :, np.newaxis] * root[:, np.newaxis, :]
        rates, modes = np.linalg.eigh(self.conductances_kw_per_k() / scale)
        hours = interval_s / SECONDS_PER_HOUR
        kept = _recomposed(np.exp(-rates * hours), modes)
        integral_h = _recomposed(-np.expm1(-rates * hours) / rates, modes)
        # K of heat into node j over the interval, for each kW of it.
        per_kw = integral_h / scale
        return ThermalDynamics(
            transition=kept * root[:, np.newaxis, :] / root[:, :, np.newaxis],
            k_per_kw_heat=per_kw[:, :, AIR],
            k_per_kw_gain=per_kw @ self.gain_shares,
            k_per_k_outdoor=per_kw[:, :, AIR] * self.heat_loss_kw_per_k[:, np.newaxis],
        )


def _recomposed(values: FloatArray, modes: FloatArray) -> FloatArray:
    """Return the symmetric matrices with these eigenvalues and eigenvectors."""
    matrices: FloatArray = (modes * values[:, np.newaxis, :]) @ modes.transpose(0, 2, 1)
    return matrices

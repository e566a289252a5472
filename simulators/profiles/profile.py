"""Every kind of power profile a scenario may name, told apart by its keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import Discriminator, Tag

from gridloom.simulators.model import BuildContext
from gridloom.simulators.profiles.hdf5 import Hdf5Profile, open_hdf5
from gridloom.simulators.profiles.household import HouseholdProfile, Households
from gridloom.simulators.profiles.ieee_shapes import ShapesProfile, open_shapes
from gridloom.simulators.profiles.series import ConstantSeries, Series
from gridloom.simulators.profiles.simbench_profiles import SimbenchProfile, open_simbench
from gridloom.simulators.profiles.wide_csv import CsvProfile, open_csv
from gridloom.simulators.quantities import Config, Finite


class ConstantProfile(Config):
    """The same power at every element and all times."""

    constant_kw: Finite
    """Power of each element in kW."""


# Tags differ from keys, so that nobody takes the one for the other in a path of keys.
_KINDS: dict[type, str] = {
    HouseholdProfile: "household",
    CsvProfile: "csv",
    Hdf5Profile: "hdf5",
    ShapesProfile: "ieee_shapes",
    ConstantProfile: "constant",
    SimbenchProfile: "simbench_grid",
}
_KIND_OF_KEY = {
    "generator": "household",
    "file": "csv",
    "shapes": "ieee_shapes",
    "constant_kw": "constant",
    "simbench": "simbench_grid",
}
_HDF5_SUFFIXES = {".h5", ".hdf5", ".nc"}


def _kind(given: object) -> str | None:
    """Tell which kind of profile is meant, or None where none or several are."""
    if not isinstance(given, Mapping):
        return _KINDS.get(type(given))
    present = _KIND_OF_KEY.keys() & given.keys()
    if len(present) != 1:
        return None
    kind = _KIND_OF_KEY[present.pop()]
    suffix = PurePath(str(given.get("file", ""))).suffix.lower()
    return "hdf5" if kind == "csv" and ("dataset" in given or suffix in _HDF5_SUFFIXES) else kind


ProfileConfig: TypeAlias = Annotated[
    Annotated[HouseholdProfile, Tag("household")]
    | Annotated[CsvProfile, Tag("csv")]
    | Annotated[Hdf5Profile, Tag("hdf5")]
    | Annotated[ShapesProfile, Tag("ieee_shapes")]
    | Annotated[ConstantProfile, Tag("constant")]
    | Annotated[SimbenchProfile, Tag("simbench_grid")],
    Discriminator(
        _kind,
        custom_error_type="profile_kind",
        custom_error_message=(f"expected exactly one of the keys {', '.join(_KIND_OF_KEY)}"),
    ),
]
"""Power of each element over time; which kind is meant shows from the key that is present."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """An opened profile."""

    power: Series
    """In kW, with the sign that the source has."""
    reactive_power: Series | None = None
    """In kvar, where the source has it."""


def open_profile(
    config: ProfileConfig,
    context: BuildContext,
    elements: Sequence[str],
    until_s: int,
    *,
    generation: bool = False,
) -> Profile:
    """Open the profile of ``elements``, which must last until ``until_s``.

    Args:
        config: Which profile.
        context: The scenario around it.
        elements: Names of the elements, in the order of the series.
        until_s: End of the last step, seconds since the scenario's start.
        generation: Whether the elements generate: which of a source's profiles are meant.

    Raises:
        ScenarioError: something is wrong with the source.
    """
    match config:
        case HouseholdProfile():
            return Profile(power=Households(config, context, len(elements)))
        case CsvProfile():
            return Profile(power=open_csv(config, context, elements, until_s))
        case Hdf5Profile():
            return Profile(power=open_hdf5(config, context, elements, until_s))
        case ShapesProfile():
            return Profile(power=open_shapes(config, context, elements))
        case ConstantProfile():
            constant = np.full(len(elements), config.constant_kw)
            return Profile(power=ConstantSeries(constant, "constant"))
        case SimbenchProfile():
            power, reactive = open_simbench(config, context, elements, generation=generation)
            return Profile(power=power, reactive_power=reactive)

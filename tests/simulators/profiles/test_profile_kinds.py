"""Which kind of profile a scenario means, from the keys it gives."""

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from gridloom.simulators.profiles.hdf5 import Hdf5Profile
from gridloom.simulators.profiles.household import HouseholdProfile
from gridloom.simulators.profiles.ieee_shapes import ShapesProfile
from gridloom.simulators.profiles.irradiance import (
    ClearSkyIrradiance,
    CloudyIrradiance,
    ConstantIrradiance,
    FileIrradiance,
    IrradianceConfig,
)
from gridloom.simulators.profiles.profile import ConstantProfile, ProfileConfig
from gridloom.simulators.profiles.simbench_profiles import SimbenchProfile
from gridloom.simulators.profiles.weather import WeatherIrradiance
from gridloom.simulators.profiles.wide_csv import CsvProfile

PROFILE: TypeAdapter[object] = TypeAdapter(ProfileConfig)
IRRADIANCE: TypeAdapter[object] = TypeAdapter(IrradianceConfig)
SITE = {"latitude_deg": 52.5, "longitude_deg": 13.4}


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"generator": "household"}, HouseholdProfile),
        ({"file": "houses.csv"}, CsvProfile),
        ({"file": "houses.h5", "dataset": "/p"}, Hdf5Profile),
        ({"file": "houses.nc", "dataset": "/p"}, Hdf5Profile),
        ({"shapes": "folder"}, ShapesProfile),
        ({"constant_kw": 0.4}, ConstantProfile),
        ({"simbench": "1-LV-rural1--0-sw"}, SimbenchProfile),
    ],
)
def test_profiles(keys: dict[str, object], kind: type) -> None:
    config = PROFILE.validate_python(keys)
    assert type(config) is kind
    assert PROFILE.validate_python(PROFILE.dump_python(config, mode="json")) == config
    assert PROFILE.validate_python(config) is config


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"generator": "widen_munkhammar", **SITE}, CloudyIrradiance),
        ({"clear_sky": SITE}, ClearSkyIrradiance),
        ({"file": "irradiance.csv"}, FileIrradiance),
        ({"constant_w_per_m2": 800}, ConstantIrradiance),
        ({"weather": "berlin.epw"}, WeatherIrradiance),
    ],
)
def test_irradiance(keys: dict[str, object], kind: type) -> None:
    config = IRRADIANCE.validate_python(keys)
    assert type(config) is kind
    assert IRRADIANCE.validate_python(IRRADIANCE.dump_python(config, mode="json")) == config


@pytest.mark.parametrize("keys", [{}, {"file": "a.csv", "constant_kw": 1}, {"fiel": "a.csv"}, "x"])
def test_none_or_several_kinds(keys: object) -> None:
    with pytest.raises(ValidationError) as caught:
        PROFILE.validate_python(keys)
    (error,) = caught.value.errors()
    assert error["msg"] == (
        "expected exactly one of the keys generator, file, shapes, constant_kw, simbench"
    )


def test_an_error_inside_one_kind_names_only_its_keys() -> None:
    with pytest.raises(ValidationError) as caught:
        PROFILE.validate_python({"file": "a.csv", "colums": {}})
    (error,) = caught.value.errors()
    assert error["loc"] == ("csv", "colums")


@pytest.mark.parametrize(
    "change", [{"resolution": "7s"}, {"mean_clear_sky_index": 0.0}, {"latitude_deg": 91}]
)
def test_limits_of_the_generator(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        IRRADIANCE.validate_python({"generator": "widen_munkhammar", **SITE, **change})


def test_configurations_are_cheap_to_import() -> None:
    heavy = "pandas scipy h5py pandapower pvlib simbench matplotlib xarray"
    program = (
        "import sys, gridloom.simulators.load, gridloom.simulators.pv\n"
        f"print([name for name in {heavy.split()} if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_both_unions_have_a_json_schema() -> None:
    assert len(PROFILE.json_schema()["oneOf"]) == 6
    assert len(IRRADIANCE.json_schema()["oneOf"]) == 5

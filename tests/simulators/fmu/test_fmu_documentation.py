"""What docs/fmu.md shows is accepted."""

import re
from pathlib import Path

from ruamel.yaml import YAML

from gridloom.simulators.fmu.simulator import FmuConfig

PAGE = Path(__file__).resolve().parents[3] / "docs" / "fmu.md"


def test_the_example_is_valid() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    shown = YAML(typ="safe").load(example)["simulators"]["heat_pump"]
    config = FmuConfig.model_validate(shown)
    assert config.parameters["heat_capacity"] == {"load 0": 7.2e6, "load 1": 9.0e6}


def test_every_key_of_its_own_is_explained() -> None:
    explained = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8")))
    common = {"type", "step_size", "placement", "kind"}
    timeouts = {key for key in FmuConfig.model_fields if key.endswith("_timeout")}
    assert set(FmuConfig.model_fields) - common - timeouts <= explained

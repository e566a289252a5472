"""SimBench's own profiles."""

from collections.abc import Callable

import numpy as np
import pytest

from gridloom.simulators.errors import ScenarioError
from gridloom.simulators.model import BuildContext
from gridloom.simulators.profiles.simbench_profiles import (
    SimbenchProfile,
    generating_points,
    open_simbench,
)

simbench = pytest.importorskip("simbench")
pytestmark = pytest.mark.slow  # reading a SimBench grid takes seconds

Context = Callable[..., BuildContext]
CODE = "1-LV-rural1--0-sw"
CONFIG = SimbenchProfile(simbench=CODE)


def test_loads_by_name_month_and_day(make_context: Context) -> None:
    context = make_context("2021-03-01T12:15:00+01:00")
    names = ["LV1.101 Load 2", "LV1.101 Load 1"]
    power, reactive = open_simbench(CONFIG, context, names, generation=False)
    net = simbench.get_simbench_net(CODE)
    absolute = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    # 1 March is day 60 of SimBench's leap year 2016 (counted from 0), 12:15 its quarter 49.
    row = 60 * 96 + 49
    assert net.profiles["load"]["time"][row] == "01.03.2016 12:15"
    expected = absolute["load", "p_mw"].loc[row, [1, 0]].to_numpy() * 1000
    np.testing.assert_allclose(power.means(0, 900, 900)[0], expected)
    expected = absolute["load", "q_mvar"].loc[row, [1, 0]].to_numpy() * 1000
    np.testing.assert_allclose(reactive.means(0, 900, 900)[0], expected)


def test_generators_stand_at_the_load_of_their_bus(make_context: Context) -> None:
    net = simbench.get_simbench_net(CODE)
    bus = net.sgen["bus"].iloc[0]
    point = str(net.load["name"][net.load["bus"] == bus].iloc[0])
    assert point in generating_points(CONFIG)
    context = make_context("2021-06-21T12:00:00+02:00")
    power, _ = open_simbench(CONFIG, context, [point], generation=True)
    assert power.value_at(0)[0] > 0


def test_an_element_without_a_profile(make_context: Context) -> None:
    with pytest.raises(ScenarioError, match=r"has no load at LV1\.101 Lod 1") as caught:
        open_simbench(CONFIG, make_context(), ["LV1.101 Lod 1"], generation=False)
    assert "did you mean 'LV1.101 Load 1" in str(caught.value)


def test_an_unknown_code(make_context: Context) -> None:
    unknown = SimbenchProfile(simbench="1-LV-rural1--0-sv")
    with pytest.raises(ScenarioError, match="did you mean '1-LV-rural1--0-sw'"):
        open_simbench(unknown, make_context(), ["x"], generation=False)


def test_without_simbench_the_extra_is_named(
    make_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "simbench", None)
    other = SimbenchProfile(simbench="1-LV-urban6--0-sw")
    with pytest.raises(ScenarioError, match=r"gridloom\[simbench\]"):
        open_simbench(other, make_context(), ["x"], generation=False)

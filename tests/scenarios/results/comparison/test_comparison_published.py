"""Published values: their file, what is wrong with it, and what stands beside them."""

from math import isnan
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.results.comparison import find_published, read_published
from gridloom.scenarios.results.comparison.published import PublishedValue
from gridloom.simulators.errors import ScenarioError

HEAD = "scheme,kpi,of,value,unit\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "street.published.csv"


def test_a_comparison_of_old_is_such_a_table(table: Path) -> None:
    table.write_text(HEAD + "amas,imbalance_cost_eur,period 1,0.25,EUR\n")
    assert read_published(table) == [
        PublishedValue(
            scheme="amas", kpi="imbalance_cost_eur", of=("period 1",), value=0.25, unit="EUR"
        )
    ]


def test_notes_sources_and_sums_of_parts(table: Path) -> None:
    table.write_text(
        "scheme,kpi,of,relative_to,value,unit,note,source\n"
        'amas,shortage_cost_eur,period 2; period 3,basic,,percent,"so, so",someone\n'
    )
    (value,) = read_published(table)
    assert value.of == ("period 2", "period 3")
    assert (value.relative_to, value.note, value.source) == ("basic", "so, so", "someone")
    assert isnan(value.value)


def test_an_empty_table_is_one(table: Path) -> None:
    table.write_text(HEAD)
    assert read_published(table) == []


def test_all_that_is_wrong_is_told_with_its_line(table: Path) -> None:
    table.write_text(HEAD + "a,k,,1,EUR\na,k,,1 EUR,EUR\na,k,,x,EUR\n")
    with pytest.raises(ScenarioError) as caught:
        read_published(table)
    assert [p.location.line for p in caught.value.problems if p.location] == [3, 4]
    assert "'1 EUR' is not a number" in str(caught.value)


def test_missing_and_misspelt_columns(table: Path) -> None:
    table.write_text("scheme,kip,of,value,unit\na,k,,1,EUR\n")
    with pytest.raises(ScenarioError) as caught:
        read_published(table)
    missing, unknown = caught.value.problems
    assert "'kpi' is missing" in missing.message
    assert missing.suggestion == "did you mean 'kip'?"
    assert "kip" in unknown.message


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'scheme,kpi,of,value,unit\n"a'])
def test_what_is_no_table(table: Path, content: bytes) -> None:
    table.write_bytes(content)
    with pytest.raises(ScenarioError, match="is no table of published values"):
        read_published(table)


def test_a_file_that_does_not_exist(table: Path) -> None:
    with pytest.raises(ScenarioError, match="is no table of published values"):
        read_published(table)


def test_the_table_beside_the_scenario_comes_before_the_shipped_one(table: Path) -> None:
    assert find_published("street", [table.parent]) is None
    table.write_text(HEAD)
    assert find_published("street", [table.parent]) == table
    shipped = find_published("ademis-2021", [table.parent])
    assert shipped is not None
    assert shipped.parent.name == "library"


def test_the_shipped_values_are_the_papers() -> None:
    """Zafar et al. (2021): 69 % less in periods 2-4, none with MILP, cosine similarity 99.018 %."""
    path = find_published("ademis-2021", [])
    assert path is not None
    values = {(v.scheme, v.kpi): v for v in read_published(path)}
    ademis = values["amas", "shortage_cost_eur"]
    assert (ademis.value, ademis.relative_to, ademis.of[0]) == (31.0, "basic", "period 2")
    assert values["milp", "shortage_cost_eur"].value == 0.0
    assert values["milp", "plan_cosine_similarity"].value == 0.99018
    assert all(value.source for value in values.values())


def test_ours_stands_beside(scheme: Any, compare: Any) -> None:
    """Shortage is only in period 1: 0.20 EUR, and half of it."""
    half = PublishedValue(
        scheme="amas",
        kpi="shortage_cost_eur",
        of=("period 1", "period 2"),
        relative_to="basic",
        value=31.0,
        unit="percent",
    )
    found = compare(scheme("basic"), scheme("saving", "amas", imbalance=0.5), published=[half])
    (beside,) = found.beside
    assert beside.ours == (("saving", pytest.approx(50.0)),)
    assert beside.label == (
        "cost of shortage only, eq. (28) (period 1, period 2), relative to basic"
    )


def test_a_label_comes_before_a_type_and_types_may_mean_several(scheme: Any, compare: Any) -> None:
    value = PublishedValue(scheme="amas", kpi="shortage_cost_eur", value=1.0, unit="EUR")
    two = compare(scheme("a", "amas"), scheme("b", "amas"), published=[value])
    assert [label for label, _ in two.beside[0].ours] == ["a", "b"]
    one = compare(scheme("a", "amas"), scheme("amas", "milp"), published=[value])
    assert [label for label, _ in one.beside[0].ours] == ["amas"]
    none = compare(scheme("a", "basic"), scheme("b", "basic"), published=[value])
    assert none.beside[0].ours == ()

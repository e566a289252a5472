"""YAML as the reader understands it: YAML 1.2.2 (https://yaml.org/spec/1.2.2), and its mistakes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridloom.scenarios.reader import read_scenario
from gridloom.scenarios.reading.tree import Node, merge
from gridloom.scenarios.reading.yaml_source import parse_yaml, read_yaml
from gridloom.simulators.errors import Location, Problem, ScenarioError

Problems = Callable[..., list[Problem]]

ORIGIN = Location(file=Path("x.yaml"), line=1, column=1)


def parse(text: str) -> Node:
    return parse_yaml(text, ORIGIN)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("18:30", "18:30"),
        ("1:30:00", "1:30:00"),
        ("2021-03-24", "2021-03-24"),
        ("2021-13-99", "2021-13-99"),
        ("1e3", 1000.0),
        ("1e-05", 1e-05),
        ("0o10", 8),
        ("010", 10),
        ("0x1F", 31),
        ("true", True),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ("=", "="),
        (".inf", float("inf")),
    ],
)
def test_scalars_are_what_yaml_1_2_says(text: str, value: object) -> None:
    node = parse(f"key: {text}\n").child("key")
    assert node is not None
    assert node.value == value
    assert type(node.value) is type(value)


def test_keys_are_text_as_written() -> None:
    assert parse("no: 1\n1: 2\ntrue: 3\n").plain() == {"no": 1, "1": 2, "true": 3}


def test_places_count_from_one() -> None:
    tree = parse("a:\n  b: [10, {c: 1}]\n  d:\n  - x\n")
    places = {
        ("a",): (1, 1),
        ("a", "b"): (2, 3),
        ("a", "b", 0): (2, 7),
        ("a", "b", 1): (2, 11),
        ("a", "b", 1, "c"): (2, 12),
        ("a", "d", 0): (4, 5),
    }
    for key, place in places.items():
        node = tree.find(key)
        assert node is not None
        assert (node.location.line, node.location.column) == place


def test_anchors_and_merge_keys() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 9}\nd: *a\ne: {<<: *b}\n"
    tree = parse(text)
    # Of several merged mappings the earlier counts, own keys count most (yaml.org/type/merge).
    assert tree.plain()["c"] == {"x": 9, "y": 2, "z": 4}
    assert tree.plain()["d"] == {"x": 1, "y": 2}
    assert tree.locate(("e", "z")).line == 2


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key 'a'", "it is first given in line 1"),
        ("a: {b: 1, b: 2}\n", 1, 11, "duplicate key 'b'", "line 1"),
        ("a:\n\tb: 1\n", 2, 1, "indented with a tab", "indent with spaces"),
        ("a: b: c\n", 1, 5, "a colon where no key can be", "quotes"),
        ("a: [1,\nb: 2\n", 1, 4, "closing ']'", ""),
        ("a: {b: 1\n", 1, 4, "closing '}'", ""),
        ("ok: 1\na: 'abc\n", 2, 4, "never closed", ""),
        ("a: @x\n", 1, 4, "cannot begin with '@'", "quotes"),
        ("a: `x`\n", 1, 4, "cannot begin with '`'", "quotes"),
        ("a: *x\n", 1, 4, "no anchor '&x'", "quotes"),
        ("a: 1\n---\nb: 1\n", 2, 1, "second document", "---"),
        ("a: 1\nb\nc: 2\n", 2, 1, "a key without a colon", "key: value"),
        ("a: |\n  x\n y\n", 3, 2, "indentation", ""),
        ("a: 1\nb: \x01\n", 2, 4, "control character #x01", ""),
        ("a: !!python/object:os.system {}\n", 1, 1, "the tag", ""),
        ("a: !mine 3\n", 1, 1, "the tag !mine has no meaning", ""),
        ("a: !!int x\n", 1, 1, "'x' is no int", ""),
        ("? [1, 2]\n: 3\n", 1, 3, "a key must be text", ""),
        ("a: &x [*x]\n", 1, 4, "an alias may not contain itself", ""),
        ("a: {<<: 3}\n", 1, 5, "'<<' needs a mapping", ""),
    ],
)
def test_mistake_is_explained_at_its_place(
    text: str, line: int, column: int, message: str, hint: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert problem.location == Location(file=Path("x.yaml"), line=line, column=column)
    assert message in problem.message
    assert hint in problem.suggestion


def test_all_duplicates_are_reported() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse("a: 1\na: 2\nb: {c: 1, c: 2}\n")
    assert [p.message for p in caught.value.problems] == ["duplicate key 'a'", "duplicate key 'c'"]


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_problem(text: str) -> None:
    try:
        parse(text).plain()
    except ScenarioError as error:
        assert error.problems  # noqa: PT017 -- either outcome is right


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ScenarioError, match="nested too deeply"):
        parse("[" * 5000)


def test_anchor_may_be_set_anew() -> None:
    assert parse("a: &x 1\nb: &x 2\nc: *x\n").plain()["c"] == 2


def test_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes("﻿a: 1\r\nb: 2\r\n".encode())
    assert read_yaml(path).plain() == {"a": 1, "b": 2}
    assert read_yaml(path).locate(("b",)).line == 2


# ── Files ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"# only a comment\n", "the file is empty"),
        (b"- a\n- b\n", "expected a mapping of keys, got a list"),
        (b"just words\n", "expected a mapping of keys, got text 'just words'"),
        (b"\x89HDF\r\n\x1a\n\xff\xfe", "is not a text file in UTF-8"),
    ],
)
def test_unusable_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "case.yaml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError, match=message):
        read_scenario(path)
    with pytest.raises(ScenarioError, match=r"case\.yaml"):
        read_scenario(path)


def test_folder_and_absent_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is a folder"):
        read_scenario(tmp_path)
    with pytest.raises(ScenarioError, match=r"no such file: .*absent\.yaml"):
        read_scenario(tmp_path / "absent.yaml")


def test_file_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "case.yaml").touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ScenarioError, match=r"case\.yaml' cannot be read: Permission denied"):
        read_scenario(tmp_path / "case.yaml")


def test_misspelt_shipped_name_suggests_the_nearest() -> None:
    with pytest.raises(ScenarioError) as caught:
        read_scenario("ademis-2012")
    assert "no such file: 'ademis-2012'" in str(caught.value)
    assert "did you mean 'ademis-2021'?" in str(caught.value)


# ── Merging ─────────────────────────────────────────────────────────────────────────

_SCALARS = st.integers(0, 3) | st.text("ab", max_size=2)
_MAPPINGS = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        _SCALARS,
        lambda child: (
            st.dictionaries(st.sampled_from("abc"), child, max_size=3) | st.lists(child, max_size=2)
        ),
        max_leaves=6,
    ),
    max_size=3,
)


def tree(value: object) -> Node:
    if isinstance(value, dict):
        return Node(value={name: tree(item) for name, item in value.items()}, location=ORIGIN)
    if isinstance(value, list):
        return Node(value=[tree(item) for item in value], location=ORIGIN)
    assert isinstance(value, str | int)
    return Node(value=value, location=ORIGIN)


@given(_MAPPINGS, _MAPPINGS)
def test_merging_again_changes_nothing(base: dict[str, object], over: dict[str, object]) -> None:
    once = merge(tree(base), tree(over))
    assert merge(once, tree(over)).plain() == once.plain()
    assert set(once.plain()) == set(base) | set(over)
    for name, item in once.plain().items():
        if name not in over:
            assert item == base[name]
        elif not isinstance(over[name], dict):
            assert item == over[name]


def test_null_removes_and_lists_replace() -> None:
    base = parse("a: {b: 1, c: 2}\nd: [1, 2]\ne: 1\n")
    over = parse("a: {b: null, x: null}\nd: [3]\ne: null\nf: {g: null, h: 1}\n")
    assert merge(base, over).plain() == {"a": {"c": 2}, "d": [3], "f": {"h": 1}}

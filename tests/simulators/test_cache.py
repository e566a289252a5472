"""The cache: equal to the last bit, harmless when damaged, shared or forbidden, bounded."""

import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import platformdirs
import pytest
from numpy.testing import assert_array_equal
from typing_extensions import override

from gridloom.simulators import cache
from gridloom.simulators.cache import cache_folder, cached

Entries: TypeAlias = Callable[[], list[str]]

CONTENT: dict[str, Any] = {
    "float": np.array([1.0, np.nan, -0.0, np.inf, 5e-324]),
    "structured": np.array(
        [(1, 2.5), (3, np.nan)],
        dtype={
            "names": ["id", "p"],
            "formats": ["<i4", "<f8"],
            "offsets": [0, 8],
            "itemsize": 24,
        },
    ),
    "text": np.array(["a", "bc"]),
    "scalar": np.asarray(7),
    "empty": np.zeros((0, 3), dtype=np.int8),
    "names": ("Straße 1", "", "a\ud800b"),
    "flag": True,
    "within": {"nothing": None, "deeper": {"bus": np.arange(3)}},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("GRIDLOOM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "networks"


def kept(key: str | None, content: Mapping[str, Any], computed: list[str]) -> Mapping[str, Any]:
    """Return the content from the cache; what had to be computed is told in ``computed``."""

    def compute() -> Mapping[str, Any]:
        computed.append(key or "")
        return content

    return cached(key, compute, dict, dict)


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        if expected.dtype.names is None:
            assert found.tobytes() == expected.tobytes()
        for field in expected.dtype.names or ():  # what lies between the fields says nothing
            assert found[field].tobytes() == expected[field].tobytes()
    elif isinstance(expected, Mapping):
        assert list(found) == list(expected)
        for name, part in expected.items():
            assert_same(found[name], part)
    else:
        assert (type(found), found) == (type(expected), expected)


def test_what_is_read_equals_what_was_computed_to_the_last_bit() -> None:
    computed: list[str] = []
    kept("key", CONTENT, computed)
    assert_same(kept("key", {}, computed), CONTENT)
    assert computed == ["key"]


def test_another_key_is_another_entry() -> None:
    computed: list[str] = []
    for key, value in (("one", 1), ("two", 2), ("one", 3)):
        kept(key, {"value": value}, computed)
    assert computed == ["one", "two"]
    assert kept("one", {}, computed) == {"value": 1}


def test_what_has_no_key_is_not_kept(folder: Path) -> None:
    computed: list[str] = []
    kept(None, {"value": 1}, computed)
    assert kept(None, {"value": 2}, computed) == {"value": 2}
    assert not folder.exists()


@pytest.mark.parametrize("off", ["off", "OFF", " off "])
def test_the_cache_can_be_switched_off(
    folder: Path, monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    kept("key", {"value": 1}, [])
    monkeypatch.setenv("GRIDLOOM_CACHE", off)
    assert kept("key", {"value": 2}, []) == {"value": 2}
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("value", ["", None])
def test_by_default_it_lies_in_the_users_cache_folder(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("GRIDLOOM_CACHE")
    else:
        monkeypatch.setenv("GRIDLOOM_CACHE", value)
    assert cache_folder() == Path(platformdirs.user_cache_dir("gridloom", False)) / "networks"


@pytest.mark.skipif(os.name == "nt", reason="Windows knows the folder without it")
def test_a_user_without_a_home_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRIDLOOM_CACHE")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: Path("~/.cache"))
    assert cache_folder() is None


def test_an_error_passes_and_nothing_is_kept(folder: Path) -> None:
    def fail() -> Mapping[str, Any]:
        raise ValueError("a bad network")

    for _ in range(2):
        with pytest.raises(ValueError, match="a bad network"):
            cached("key", fail, dict[str, Any], dict[str, Any])
    assert not folder.exists()


def flipped(entry: bytes) -> bytes:
    """Return the entry with one bit of a number changed: only the checksum can tell."""
    place = entry.index(np.float64(1234.5).tobytes())
    return entry[:place] + bytes([entry[place] ^ 1]) + entry[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda entry: b"",
    "cut": lambda entry: entry[: len(entry) // 2],
    "foreign": lambda entry: b"never an npz file",
    "flipped": flipped,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_computed_anew_and_rewritten(folder: Path, damage: str) -> None:
    content = {"value": np.full(100, 1234.5), "names": ("a", "b")}
    computed: list[str] = []
    kept("key", content, computed)
    entry = folder / "key.npz"
    entry.write_bytes(DAMAGES[damage](entry.read_bytes()))
    assert_same(kept("key", content, computed), content)
    assert computed == ["key", "key"]
    assert_same(kept("key", {}, computed), content)


def test_what_lacks_a_part_is_computed_anew() -> None:
    def restore(content: Mapping[str, Any]) -> int:
        return int(content["value"])

    kept("key", {"other": 1}, [])
    assert cached("key", lambda: 2, lambda value: {"value": value}, restore) == 2


class Bomb:
    """Leaves a trace if it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    @override
    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.trace,)


def test_an_entry_never_runs_code(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    objects = np.array([Bomb(tmp_path / "trace")], dtype=object)
    np.savez(folder / "key.npz", value=objects)
    assert kept("key", {"value": 1}, []) == {"value": 1}
    assert not (tmp_path / "trace").exists()


def test_objects_are_refused_when_writing(folder: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        kept("key", {"value": np.array([object()])}, [])
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_only_costs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRIDLOOM_CACHE", str(tmp_path / "file"))
    computed: list[str] = []
    with caplog.at_level(logging.INFO, logger="gridloom"):
        for _ in range(2):
            assert kept("key", {"value": 1}, computed) == {"value": 1}
    assert computed == ["key", "key"]
    assert "is not kept" in caplog.text


def test_the_least_recently_used_entries_are_dropped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {"value": np.zeros(1000)}  # 8000 bytes and headers
    for age, key in enumerate(("oldest", "older", "old")):
        kept(key, content, [])
        os.utime(folder / f"{key}.npz", (1e9 + age, 1e9 + age))
    (folder / "killed.tmp").write_bytes(bytes(8000))
    os.utime(folder / "killed.tmp", (1e9, 1e9))
    (folder / "notes.txt").write_bytes(bytes(8000))
    monkeypatch.setattr(cache, "_LIMIT_BYTES", 30_000)
    kept("oldest", content, [])  # used: now the youngest
    kept("new", content, [])
    assert {path.name for path in folder.iterdir()} == {
        "oldest.npz",
        "old.npz",
        "new.npz",
        "notes.txt",
    }


def test_many_may_write_the_same_entry_at_once(folder: Path) -> None:
    content = {"value": np.arange(200_000)}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: kept("key", content, []), range(32)))
    for each in found:
        assert_array_equal(each["value"], content["value"])
    assert [path.name for path in folder.iterdir()] == ["key.npz"]

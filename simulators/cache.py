"""What was computed before, kept between runs as arrays in files.

The key of an entry is a hash of everything that determines it: an entry is right or absent, and is
never updated. The cache only saves time: what cannot be read is computed anew, what cannot be
written is not kept, and a run says the same with and without it.

The folder is the user's cache folder, or what the environment variable `GRIDLOOM_CACHE` says; with
`GRIDLOOM_CACHE=off` nothing is read or written.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, TypeAlias, TypeVar
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

CACHE_VARIABLE = "GRIDLOOM_CACHE"
Content: TypeAlias = Mapping[str, Any]
"""Name to array, to what JSON can say (lists are read as tuples), or to a mapping of the same."""
_Value = TypeVar("_Value")

_OFF = "off"
_LIMIT_BYTES = 1_000_000_000
_TEXT = ".json"
"""Ends the names of arrays that hold JSON."""
_WITHIN = "/"

_log = logging.getLogger(__name__)


def cached(
    key: str | None,
    compute: Callable[[], _Value],
    content_of: Callable[[_Value], Content],
    restore: Callable[[Content], _Value],
) -> _Value:
    """Return what ``compute`` returns, from the cache if it is there.

    Args:
        key: a hash of everything that determines the value; None where that is unknown, so that
            nothing is kept. It becomes a file's name.
        compute: whatever it raises passes, and nothing is kept.
        content_of: takes the value apart.
        restore: puts it together again, equal to the last bit.
    """
    folder = cache_folder()
    if key is None or folder is None:
        return compute()
    path = folder / f"{key}.npz"
    try:
        value = restore(_read(path))
    except FileNotFoundError:
        pass
    except Exception as error:  # noqa: BLE001 -- NumPy and zipfile raise whatever damage leads to
        _log.info("cache: %s is computed anew, its entry is damaged: %s", path.name, error)
    else:
        _log.debug("cache: %s read", path)
        return value
    value = compute()
    _write(path, content_of(value))
    return value


def cache_folder() -> Path | None:
    """Return the folder of the cache, which need not exist; None where there is to be none."""
    chosen = os.environ.get(CACHE_VARIABLE, "").strip()
    if chosen.lower() == _OFF:
        return None
    if chosen:
        return Path(chosen).expanduser().absolute() / "networks"
    from platformdirs import user_cache_path

    folder = user_cache_path("gridloom", appauthor=False)
    # A user without a home has none.
    return folder / "networks" if folder.is_absolute() else None


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as entry:
        stored = {name: entry[name] for name in entry.files}
    with suppress(OSError):  # a cache that others filled may be read-only
        os.utime(path)
    return _nested(stored)


def _write(path: Path, content: Content) -> None:
    """Write an entry, all of it or nothing, whoever else writes it at the same time."""
    unfinished: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as temporary:
            unfinished = Path(temporary.name)
            _write_arrays(temporary, content)
        unfinished.replace(path)
        _drop_least_recently_used(path.parent)
    except OSError as error:
        _log.info("cache: %s is not kept: %s", path, error.strerror or error)
    else:
        _log.debug("cache: %s written", path)
    finally:
        if unfinished is not None:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)


def _write_arrays(file: IO[bytes], content: Content) -> None:
    """Write what `np.load` reads; unlike `np.savez`, refuse objects that would need pickle."""
    with ZipFile(file, "w") as entry:
        for name, array in _arrays(content):
            with entry.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _arrays(content: Content, prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays that stand for a content, with their names."""
    for name, value in content.items():
        if isinstance(value, np.ndarray):
            yield f"{prefix}{name}", value
        elif isinstance(value, Mapping):
            yield from _arrays(value, f"{prefix}{name}{_WITHIN}")
        else:
            text = json.dumps(value).encode()
            yield f"{prefix}{name}{_TEXT}", np.frombuffer(text, dtype=np.uint8)


def _nested(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Return the content that arrays stand for."""
    content: dict[str, Any] = {}
    for path, array in arrays.items():
        *within, name = path.split(_WITHIN)
        place = content
        for part in within:
            place = place.setdefault(part, {})
        if name.endswith(_TEXT):
            value = json.loads(array.tobytes())
            place[name.removesuffix(_TEXT)] = tuple(value) if isinstance(value, list) else value
        else:
            place[name] = array
    return content


def _drop_least_recently_used(folder: Path) -> None:
    """Drop what was not used for longest, until the cache is within its limit."""
    entries = []
    for path in (*folder.glob("*.npz"), *folder.glob("*.tmp")):
        with suppress(FileNotFoundError):  # another run may drop it as well
            status = path.stat()
            entries.append((status.st_mtime, status.st_size, path))
    size = 0
    for _, bytes_, path in sorted(entries, reverse=True):
        size += bytes_
        if size > _LIMIT_BYTES:
            path.unlink(missing_ok=True)

"""Fixtures shared by all tests."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So a shell starts what runs in the background; programs under test would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test may depend on how fast the machine is; in CI, every run tries the same examples.
settings.register_profile("gridloom", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("gridloom")

_REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep converted networks for this session only: no test meets what another run left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRIDLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder of the IEEE European LV reference solutions, which the project does not ship."""
    candidates = [
        Path(os.environ.get("GRIDLOOM_REFERENCE_DATA", "")),
        _REPOSITORY.parent / "shared" / "data",
    ]
    for candidate in candidates:
        if (candidate / "ieee_eu_lv").is_dir():
            return candidate / "ieee_eu_lv"
    pytest.skip("reference data absent: set GRIDLOOM_REFERENCE_DATA to the folder with ieee_eu_lv/")

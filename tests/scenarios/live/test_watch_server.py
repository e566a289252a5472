"""Who may ask the server, and for what."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gridloom.scenarios.campaigns.campaign_folder import CampaignFolder
from gridloom.scenarios.commands.watching import watch
from gridloom.scenarios.live import WatchServer
from gridloom.scenarios.results.record import RunStatus
from gridloom.scenarios.run_folder import RunFolder
from gridloom.simulators.errors import ScenarioError


@pytest.fixture
def run(folder: RunFolder, begin: Any, feed: Any) -> RunFolder:
    writer = begin(folder.partial_record)
    feed(writer, range(100))
    writer.close(RunStatus.COMPLETE)
    folder.finish()
    return folder


def test_a_run_has_its_page_and_its_state(run: RunFolder, browse: Any) -> None:
    browser = browse(run.path)
    status, headers, page = browser.get("/")
    assert status == 200
    assert b"/static/run.js" in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert browser.json("/api/run")["state"] == "complete"
    assert browser.get("/api/campaign")[0] == 404


def test_a_campaign_has_its_page_and_those_of_its_runs(
    campaign: CampaignFolder, browse: Any
) -> None:
    browser = browse(campaign.path)
    assert b"/static/campaign.js" in browser.get("/")[2]
    assert browser.json("/api/campaign")["counts"]["complete"] == 3
    assert browser.json("/api/run") == {"is_campaign": True}
    assert browser.json(f"/api/run/street-{5:010d}")["state"] == "waiting"


def test_a_folder_becomes_a_campaign_when_one_begins_there(
    tmp_path: Path, campaign: CampaignFolder, browse: Any
) -> None:
    later = tmp_path / "later"
    browser = browse(later)
    assert browser.json("/api/run")["state"] == "waiting"
    campaign.path.rename(later)
    assert browser.json("/api/run") == {"is_campaign": True}


def test_an_index_that_cannot_be_read_is_no_reason_to_end(
    campaign: CampaignFolder, browse: Any
) -> None:
    browser = browse(campaign.path)
    campaign.index.write_bytes(b"no database")
    assert "index" in browser.json("/api/campaign")["problem"]
    assert browser.get(f"/api/run/street-{5:010d}")[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_who_calls_us_by_another_name_is_refused(run: RunFolder, browse: Any, host: str) -> None:
    status, _, content = browse(run.path).get("/api/run", Host=host)
    assert (status, content) == (403, b"this page is for this machine only")


def test_the_other_end_of_a_tunnel_is_not_refused(run: RunFolder, browse: Any) -> None:
    assert browse(run.path).get("/api/run", Host="localhost:4711")[0] == 200


@pytest.mark.parametrize(
    "address",
    [
        "/static/../server.py",
        "/static/%2e%2e%2fserver.py",
        "/static/server.py",
        "/static/",
        "/run.html",
        "/api/run/..",
        "/api/run/%2e%2e",
        "/api/run/..%2f..%2fetc",
        "/api/run/%2fetc%2fpasswd",
        "/api/run/a/b",
        "/api/run/%00",
        "//etc/passwd",
    ],
)
@pytest.mark.parametrize("what", ["run", "campaign"])
def test_no_address_is_a_path(
    request: pytest.FixtureRequest, browse: Any, what: str, address: str
) -> None:
    browser = browse(request.getfixturevalue(what).path)
    # As it is: urllib would tidy it up
    connection = http.client.HTTPConnection(browser.address.removeprefix("http://").rstrip("/"))
    connection.request("GET", address)
    assert connection.getresponse().status == 404
    connection.close()


@pytest.mark.parametrize("query", ["epoch=x", "have=a", "have=a:b:c", "have=a:1:2:3"])
def test_a_question_that_makes_no_sense_is_refused(run: RunFolder, browse: Any, query: str) -> None:
    assert browse(run.path).get(f"/api/run?{query}")[0] == 400


def test_nothing_but_questions_is_answered(run: RunFolder, browse: Any) -> None:
    browser = browse(run.path)
    connection = http.client.HTTPConnection(browser.address.removeprefix("http://").rstrip("/"))
    connection.request("POST", "/api/run", body=b"{}")
    assert connection.getresponse().status == 501
    connection.close()


def test_only_this_machine_is_served(run: RunFolder) -> None:
    with WatchServer(run.path) as server:
        assert server._http.server_address[0] == "127.0.0.1"


def test_a_port_in_use_is_one_clear_error(run: RunFolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ScenarioError, match=rf"port {port}: Address already in use") as caught:
            WatchServer(run.path, port)
    assert "--port" in str(caught.value)


def test_a_folder_of_runs_is_refused_with_the_newest_of_them(run: RunFolder) -> None:
    run.log.touch()
    with pytest.raises(ScenarioError, match="holds 1 runs: choose one") as caught:
        WatchServer(run.path.parent)
    assert f"gridloom watch {run.path}" in str(caught.value)


def test_a_path_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="there is no folder"):
        WatchServer(tmp_path / "no" / "such")


def test_a_folder_that_is_not_there_yet_is_told_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve(_path: Path, _port: int, *, announce: Callable[[str], None]) -> None:
        announce("http://127.0.0.1:1/")

    monkeypatch.setattr("gridloom.scenarios.live.serve_watch", serve)
    watch(tmp_path / "outputz", no_browser=True)
    assert f"there is no {tmp_path / 'outputz'} yet" in capsys.readouterr().out
    watch(tmp_path, no_browser=True)
    assert "there is no" not in capsys.readouterr().out


_WATCH = """
import sys
from pathlib import Path
from gridloom.scenarios.commands.watching import watch
try:
    watch(Path(sys.argv[1]), 0, no_browser=True)
except KeyboardInterrupt:
    heavy = {"pandas", "xarray", "matplotlib", "distributed", "mosaik"} & set(sys.modules)
    sys.exit(f"imported {heavy}" if heavy else 130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to others")
def test_the_command_tells_the_address_and_ends_on_ctrl_c(run: RunFolder) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WATCH, str(run.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"{run.path}: http://127.0.0.1:")
        os.kill(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")

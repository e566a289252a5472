"""Serves the pages on this machine only: a few files and what they ask for as JSON."""

import json
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from typing_extensions import override

from gridloom.scenarios.live.watched import Watched, require_watchable
from gridloom.simulators.errors import Problem, ScenarioError

_log = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_OUR_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""What a browser on this machine, or at the other end of a tunnel, calls us. A page of somebody
else's whose name suddenly means this machine (DNS rebinding) calls us by that name."""
_FILES = {
    "chart.js": "text/javascript",
    "strip.js": "text/javascript",
    "page.js": "text/javascript",
    "run.js": "text/javascript",
    "campaign.js": "text/javascript",
    "style.css": "text/css",
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_TIMEOUT_S = 30


class WatchServer:
    """Serves the pages in a thread of its own while the context lasts."""

    def __init__(self, path: Path, port: int = 0) -> None:
        """Take the port.

        Args:
            path: a record, the folder of a run or of a campaign; need not exist yet.
            port: 0 for any that is free.

        Raises:
            ScenarioError: the port cannot be had, or the path is nothing that can be watched.
        """
        require_watchable(path)
        try:
            self._http = _Server((_HOST, port), Watched(path))
        except (OSError, OverflowError) as error:
            raise ScenarioError(
                Problem(
                    message=f"cannot serve at port {port}: "
                    f"{getattr(error, 'strerror', None) or error}",
                    suggestion="choose another with --port, or leave it out for any that is free",
                )
            ) from error
        self._thread = Thread(target=self._http.serve_forever, args=(0.1,), daemon=True)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{_HOST}:{self._http.server_address[1]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def wait(self) -> None:
        """Serve until interrupted."""
        self._thread.join()


def serve_watch(path: Path, port: int = 0, *, announce: Callable[[str], None]) -> None:
    """Serve the pages of a record or a campaign until interrupted.

    Args:
        path: a record, the folder of a run or of a campaign; need not exist yet.
        port: on this machine; 0 for any that is free.
        announce: told the address once it is served.

    Raises:
        ScenarioError: the port cannot be had, or the path is nothing that can be watched.
        KeyboardInterrupt: once everything is closed.
    """
    with WatchServer(path, port) as server:
        announce(server.address)
        server.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], watched: Watched) -> None:
        self.watched = watched
        super().__init__(address, _Handler)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what a page does to its connection, as when it is closed; it is no error."""
        _log.debug("a connection ended", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET of known addresses; no part of an address ever is a path."""

    server: _Server
    timeout = _TIMEOUT_S
    server_version = "gridloom"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in _OUR_NAMES and self.headers.get("Host") not in _OUR_NAMES:
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"this page is for this machine only")
            return
        try:
            self._answer()
        except ConnectionError:
            _log.debug("the page was closed")
        except ValueError as error:
            self._send(HTTPStatus.BAD_REQUEST, "text/plain", str(error).encode())
        except Exception as error:  # noqa: BLE001 -- one page's trouble is not the server's
            _log.exception("cannot answer %s", self.path)
            self._send_json({"state": "unreadable", "message": f"gridloom failed: {error!r}"})

    def _answer(self) -> None:
        address = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        watched = self.server.watched
        match [unquote(part) for part in address.path.split("/")[1:]]:
            case [""]:
                self._send_page("campaign.html" if watched.is_campaign else "run.html")
            case ["run", _]:
                self._send_page("run.html")
            case ["static", name] if name in _FILES:
                self._send(HTTPStatus.OK, _FILES[name], _file(name))
            case ["api", "campaign"] if watched.is_campaign:
                self._send_json(watched.campaign_state(query))
            case ["api", "run"] if watched.is_campaign:
                self._send_json({"is_campaign": True})
            case ["api", "run"]:
                self._send_json(watched.run_state(None, query))
            case ["api", "run", name]:
                self._send_json(watched.run_state(name, query))
            case _:
                self._send_json(None)

    def _send_page(self, name: str) -> None:
        self._send(HTTPStatus.OK, "text/html", _file(name))

    def _send_json(self, answer: Mapping[str, Any] | None) -> None:
        if answer is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"there is nothing here")
            return
        text = json.dumps(answer, allow_nan=False, separators=(",", ":"))
        self._send(HTTPStatus.OK, "application/json", text.encode())

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        for name, text in _HEADERS.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: a page asks every second."""


def _file(name: str) -> bytes:
    return files("gridloom.scenarios.live").joinpath(name).read_bytes()

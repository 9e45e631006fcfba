"""The live page: a small web server that shows a Watch to browsers."""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from types import TracebackType
from typing import Any, ClassVar
from urllib.parse import urlsplit

import cv2
import numpy as np

from td3_driving.view.moment import Moment, Watch

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
MOST_BROWSERS = 32
"""Connections at a time; more are closed at once."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self'"
)
_DIGITS = 4

Answer = tuple[str, bytes, dict[str, str]]
"""Content type, body and more headers."""


class NothingThereError(ValueError):
    """A browser asked for something that does not exist, or not yet."""


class Source:
    """Answers browsers from a Watch; pictures are encoded once, however many look."""

    def __init__(self, watch: Watch, title: str = "") -> None:
        self.watch = watch
        self.title = title
        self._guard = threading.Lock()
        self._encoded: dict[str, tuple[np.ndarray, Answer]] = {}

    def state(self) -> Answer:
        """The moment as JSON, without its pictures."""
        moment = self.watch.moment
        said = {
            name: _rounded(getattr(moment, name))
            for name in Moment.__slots__
            if name not in ("camera", "stack")
        }
        said |= {"title": self.title, "course": self.watch.course.number}
        return _json(said)

    def course(self) -> Answer:
        """Route and trail as JSON: lists of [x, y]."""
        course = self.watch.course
        return _json(
            {
                "number": course.number,
                "route": course.route.round(2).tolist(),
                "trail": course.trail.round(2).tolist(),
            }
        )

    def camera(self) -> Answer:
        """The camera's picture as JPEG."""
        return self._picture("camera", self.watch.moment.camera)

    def stack(self) -> Answer:
        """The frames of the stack side by side, oldest first, as PNG: exactly what is seen."""
        return self._picture("stack", self.watch.moment.stack)

    def _picture(self, name: str, pixels: np.ndarray | None) -> Answer:
        if pixels is None:
            raise NothingThereError(f"there is no {name} yet")
        with self._guard:
            known = self._encoded.get(name)
            if known is None or known[0] is not pixels:
                flat = np.hstack(list(pixels)) if name == "stack" else pixels
                ending = ".png" if name == "stack" else ".jpg"
                done, code = cv2.imencode(ending, flat)
                if not done:
                    raise NothingThereError(f"the {name} cannot be shown")
                kind = "image/png" if name == "stack" else "image/jpeg"
                known = self._encoded[name] = pixels, (kind, code.tobytes(), {})
            return known[1]


def _rounded(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.round(_DIGITS).tolist()
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, tuple):
        return [_rounded(one) for one in value]
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return value


def _json(value: Any) -> Answer:
    body = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return "application/json", body.encode(), {}


class _Handler(BaseHTTPRequestHandler):
    """Answers one browser; only GET exists, so a page elsewhere can change nothing."""

    protocol_version = "HTTP/1.1"
    server_version = "td3-driving"
    sys_version = ""
    timeout = 30.0
    source: ClassVar[Source]
    hosts: ClassVar[frozenset[str] | None]

    def do_GET(self) -> None:
        """The page, the state, the course or a picture."""
        if not self._is_meant():
            self._send(HTTPStatus.FORBIDDEN, ("text/plain", b"ask by this machine's name", {}))
            return
        try:
            self._send(HTTPStatus.OK, self._answer())
        except NothingThereError as error:
            self._send(HTTPStatus.NOT_FOUND, ("text/plain", str(error).encode(), {}))

    def _is_meant(self) -> bool:
        """Whether the browser knows whom it asks: a foreign name that leads here is an attack."""
        name = self.headers.get("Host", "")
        host = name.rsplit(":", 1)[0] if not name.endswith("]") else name
        return self.hosts is None or host in self.hosts

    def _answer(self) -> Answer:
        match urlsplit(self.path).path:
            case "/":
                page = files("td3_driving.view").joinpath("page.html").read_bytes()
                return "text/html; charset=utf-8", page, {"Content-Security-Policy": POLICY}
            case "/state":
                return self.source.state()
            case "/course":
                return self.source.course()
            case "/camera":
                return self.source.camera()
            case "/stack":
                return self.source.stack()
        raise NothingThereError("there are /, /state, /course, /camera and /stack")

    def _send(self, status: HTTPStatus, answer: Answer) -> None:
        kind, body, headers = answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Thirty lines a second would tell nobody anything."""


class Viewer(ThreadingHTTPServer):
    """Serves the page on a thread of its own while the context lasts.

    Attributes:
        address: what to open in a browser.
    """

    daemon_threads = True

    def __init__(self, source: Source, host: str = "127.0.0.1", port: int = 0) -> None:
        """Opens the port.

        Args:
            source: what to show.
            host: to listen on; another one than loopback lets other machines look.
            port: 0 picks a free one.

        Raises:
            OSError: the address cannot be listened on.
        """
        loopback = host in ("localhost", "127.0.0.1", "::1")
        hosts = LOOPBACK if loopback else None
        handler = type("Handler", (_Handler,), {"source": source, "hosts": hosts})
        super().__init__((host, port), handler)
        shown = host if loopback else self.server_name
        self.address = f"http://{shown}:{self.server_port}/"
        self._room = threading.BoundedSemaphore(MOST_BROWSERS)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="viewer")

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers on a thread, if there is room for one more."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answers one connection until it ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Browsers hang up whenever they like."""

    def __enter__(self) -> Viewer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

"""The live page: a small web server that passes a browser's questions on to a carla-lite."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from carla_lite.show.link import Link, LinkError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
FRESH_S = 0.02
"""Several browsers that ask within this time get the same answer."""
_MOST_ANSWERS = 32
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self'"
)

Answer = tuple[str, bytes, dict[str, str]]
"""Content type, body and more headers."""


class BadQuestionError(ValueError):
    """A browser asked for something that does not exist."""


class Source:
    """What the page shows, as the server says it; shared by all browsers."""

    def __init__(self, host: str, port: int, fresh_s: float = FRESH_S) -> None:
        """Names the server; connects when somebody asks. Answers are kept for fresh_s seconds."""
        self._fresh_s = fresh_s
        # The map takes a second to paint, and pictures must not wait for it.
        self._links = {name: Link(host, port) for name in ("state", "map", "driver", "chase")}
        self._guard = threading.Lock()
        self._answers: dict[tuple[Any, ...], tuple[float, Answer]] = {}
        self._turns: dict[str, threading.Lock] = {name: threading.Lock() for name in self._links}

    def close(self) -> None:
        """Hangs up."""
        for link in self._links.values():
            link.close()

    def state(self) -> Answer:
        """The present frame as JSON."""

        def ask(link: Link) -> Answer:
            body = json.dumps(link.call("lite_state"), separators=(",", ":"), allow_nan=False)
            return "application/json", body.encode(), {}

        return self._fresh("state", (), ask)

    def map(self) -> Answer:
        """The map from above as JPEG; the header X-Map says what it is and where it lies."""

        def ask(link: Link) -> Answer:
            name, episode, picture, width, height, x, y, scale = link.call("lite_map")
            about = {
                "map": name, "episode": episode, "width": width, "height": height,
                "x": x, "y": y, "scale": scale,
            }  # fmt: skip
            return "image/jpeg", picture, {"X-Map": json.dumps(about)}

        return self._fresh("map", (), ask)

    def camera(self, actor_id: int, seat: str, width: int, height: int) -> Answer:
        """A picture as JPEG; the header X-Frame says of which frame."""

        def ask(link: Link) -> Answer:
            frame, picture = link.call("lite_camera", actor_id, seat, width, height)
            return "image/jpeg", picture, {"X-Frame": str(frame)}

        name = "chase" if seat == "chase" else "driver"
        return self._fresh(name, (actor_id, seat, width, height), ask)

    def _fresh(self, name: str, question: tuple[Any, ...], ask: Callable[[Link], Answer]) -> Answer:
        """The last answer if it is hardly old; else a new one, one question at a time."""
        key = (name, *question)
        with self._turns[name]:
            with self._guard:
                asked_s, answer = self._answers.get(key, (-1.0, None))
            if answer is not None and time.monotonic() - asked_s < self._fresh_s:
                return answer
            answer = ask(self._links[name])
            with self._guard:
                self._answers.pop(key, None)
                self._answers[key] = time.monotonic(), answer
                while len(self._answers) > _MOST_ANSWERS:
                    del self._answers[next(iter(self._answers))]
            return answer


class _Handler(BaseHTTPRequestHandler):
    """Answers one browser; only GET exists, so a page elsewhere can change nothing."""

    protocol_version = "HTTP/1.1"
    server_version = "carla-lite"
    sys_version = ""
    timeout = 60.0
    source: ClassVar[Source]
    hosts: ClassVar[frozenset[str] | None]

    def do_GET(self) -> None:
        """The page, the state, the map or a picture."""
        if not self._is_meant():
            self._send(
                HTTPStatus.FORBIDDEN, ("text/plain", b"ask for this page by its address", {})
            )
            return
        try:
            self._send(HTTPStatus.OK, self._answer())
        except BadQuestionError as error:
            self._send(HTTPStatus.NOT_FOUND, ("text/plain", str(error).encode(), {}))
        except LinkError as error:
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, ("text/plain", str(error).encode(), {}))

    def _is_meant(self) -> bool:
        """Whether the browser knows whom it asks: a foreign name that leads here is an attack."""
        name = self.headers.get("Host", "")
        host = name.rsplit(":", 1)[0] if not name.endswith("]") else name
        return self.hosts is None or host in self.hosts

    def _answer(self) -> Answer:
        address = urlsplit(self.path)
        match address.path:
            case "/":
                page = files("carla_lite.show").joinpath("page.html").read_bytes()
                return "text/html; charset=utf-8", page, {"Content-Security-Policy": _POLICY}
            case "/state":
                return self.source.state()
            case "/map":
                return self.source.map()
            case "/camera":
                return self._camera(parse_qs(address.query))
        raise BadQuestionError("there are /, /state, /map and /camera")

    def _camera(self, query: dict[str, list[str]]) -> Answer:
        words = [query.get(name, [""])[0] for name in ("actor", "width", "height")]
        if not all(word.isdecimal() and len(word) < 12 for word in words):
            raise BadQuestionError("use /camera?actor=ID&seat=chase&width=640&height=360")
        actor_id, width, height = map(int, words)
        return self.source.camera(actor_id, query.get("seat", ["driver"])[0], width, height)

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
    """Serves the page until `shutdown`.

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

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Browsers hang up whenever they like."""

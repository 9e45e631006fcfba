"""`carla-lite view`: a live page in the browser on a running server, or on one of its own."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import signal
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator

from carla_lite.show.link import Link, LinkError
from carla_lite.show.viewer import Source, Viewer

DEFAULT_MAP = "LiteTown01"
PAGE_PORT = 8080
_STOP_S = 10.0


class ViewError(RuntimeError):
    """The page cannot be shown; the message says why and what to do."""


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; use 0 to 65535")
    return int(text)


def add_view_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `run_view` reads."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="where the server runs (default: this machine)"
    )
    parser.add_argument("--port", type=_port, default=2000, help="its port (default: 2000)")
    parser.add_argument(
        "--map", help=f"start a server of its own with this map; {DEFAULT_MAP} if none runs"
    )
    parser.add_argument("--seed", default="0", help="of a server of its own (default: 0)")
    parser.add_argument(
        "--traffic", default="20", metavar="VEHICLES", help="of a server of its own (default: 20)"
    )
    parser.add_argument("--pedestrians", default="10", help="of a server of its own (default: 10)")
    parser.add_argument(
        "--page-host",
        default="127.0.0.1",
        help="address of the page; 0.0.0.0 lets other machines look (default: this machine only)",
    )
    parser.add_argument(
        "--page-port",
        type=_port,
        help=f"port of the page; 0 picks a free one (default: {PAGE_PORT}, or a free one)",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")


def run_view(options: argparse.Namespace) -> int:
    """Shows the page until Ctrl-C; returns the exit code, 2 when it could not start."""
    with contextlib.ExitStack() as stack:
        try:
            port = _server_port(options, stack)
            source = Source(options.host, port)
            stack.callback(source.close)
            viewer = _viewer(source, options.page_host, options.page_port)
        except ViewError as error:
            print(f"carla-lite: {error}", file=sys.stderr)
            return 2
        stack.callback(viewer.server_close)
        print(f"carla-lite view ready {viewer.address} port={port}", flush=True)
        if options.open:
            webbrowser.open(viewer.address)
        _serve(viewer)
    return 0


def _serve(viewer: Viewer) -> None:
    """Until Ctrl-C or SIGTERM."""

    def stop(*_: object) -> None:
        # From the thread that serves, `shutdown` would wait for itself.
        threading.Thread(target=viewer.shutdown, daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    viewer.serve_forever(poll_interval=0.1)


def _server_port(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    """The port of a server that runs already, or of one that runs until the stack is left."""
    link = Link(options.host, options.port, timeout_s=3.0)
    try:
        running = link.call("lite_state")["map"]
    except LinkError as error:
        if not isinstance(error.__cause__, ConnectionRefusedError):
            raise ViewError(
                f"what runs on {options.host}:{options.port} cannot be viewed ({error}): it has to "
                "be carla-lite; choose its port with --port"
            ) from error
    else:
        if options.map is not None:
            raise ViewError(
                f"a server runs on {options.host}:{options.port} already, with {running}: leave "
                "out --map to view that one, or choose another --port"
            )
        port: int = options.port
        return port
    finally:
        link.close()
    if not _is_loopback(options.host):
        raise ViewError(f"no server on {options.host}:{options.port}: start carla-lite there")
    return stack.enter_context(_own_server(options))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def _own_server(options: argparse.Namespace) -> Iterator[int]:
    """A server in a process of its own; gives its port."""
    words = {
        "--port": options.port,
        "--map": options.map or DEFAULT_MAP,
        "--seed": options.seed,
        "--traffic": options.traffic,
        "--pedestrians": options.pedestrians,
    }
    command = [sys.executable, "-m", "carla_lite.cli", "serve", "--exit-with-parent"]
    command += [str(word) for pair in words.items() for word in pair]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        fields = dict(field.split("=", 1) for field in ready.split() if "=" in field)
        if "port" not in fields:
            process.wait(_STOP_S)
            raise ViewError("the server did not start; its own message stands above")
        yield int(fields["port"])
    finally:
        process.terminate()
        process.wait(_STOP_S)
        process.stdout.close()


def _viewer(source: Source, host: str, port: int | None) -> Viewer:
    try:
        if port is None:
            with contextlib.suppress(OSError):
                return Viewer(source, host, PAGE_PORT)
        return Viewer(source, host, port or 0)
    except OSError as error:
        raise ViewError(
            f"cannot serve the page on {host}:{port}: {error.strerror or error}; choose another "
            "--page-port (0 picks a free one) or --page-host"
        ) from error

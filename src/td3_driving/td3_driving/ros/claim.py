"""Claims of full node names on this host, which the kernel releases when their holder dies.

Two nodes of one name in one domain would hear each other's messages, and DDS neither refuses them
nor knows for sure who lives. So each claim is a Linux abstract unix socket of that name: it exists
once per network namespace, as does DDS on localhost; no child inherits it; and it is gone at once
with its process, however that ends (unix(7)).
"""

from __future__ import annotations

import errno
import hashlib
import socket
import struct
from collections.abc import Iterable
from types import TracebackType

_PEER = struct.Struct("iII")
"""struct ucred: process, user, group."""


class NameTaken(RuntimeError):
    """A living process of this host has the name.

    Attributes:
        who: The process.
    """

    def __init__(self, name: str, domain: int, pid: int) -> None:
        self.who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{self.who} is {name} in ROS domain {domain} already; end it, or give this one "
            "another domain (ROS_DOMAIN_ID=1 to 101) or another vehicle (role_name)"
        )


class Claim:
    """The names of nodes in a ROS domain, held by this process until closed; a context manager.

    Args:
        names: Full names, such as /carla/ego_vehicle/control.
        domain: Of ROS.

    Raises:
        NameTaken: one of them is held already; then none is.
    """

    def __init__(self, names: Iterable[str], domain: int) -> None:
        self._sockets: list[socket.socket] = []
        try:
            for name in names:
                self._take(name, domain)
        except BaseException:
            self.close()
            raise

    def _take(self, name: str, domain: int) -> None:
        address = _address(name, domain)
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sockets.append(held)
        try:
            held.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise NameTaken(name, domain, _holder(address)) from error
        held.listen()  # so that whoever is refused can ask for our process id

    def close(self) -> None:
        """Lets go of the names."""
        for held in self._sockets:
            held.close()

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _address(name: str, domain: int) -> str:
    """The socket's; a digest, since an address has 108 bytes and a role name any length."""
    digest = hashlib.sha256(f"{domain}:{name}".encode()).hexdigest()
    return f"\0td3_driving/{digest}"


def _holder(address: str) -> int:
    """The process id of who holds an address; 0 if it has just let go, or its queue is full."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(address)
        except OSError:
            return 0
        found = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return int(_PEER.unpack(found)[0])

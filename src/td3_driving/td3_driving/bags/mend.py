"""Gives a bag whose recorder was killed the end that it lacks."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from td3_driving.bags.errors import BagError

# MCAP, https://mcap.dev/spec: records are an opcode, a length and so many bytes.
MAGIC = b"\x89MCAP0\r\n"
_HEAD = struct.Struct("<BQ")
_DATA_END, _FOOTER = 0x0F, 0x02
_END = _HEAD.pack(_DATA_END, 4) + bytes(4) + _HEAD.pack(_FOOTER, 20) + bytes(20) + MAGIC


def mend(bag: Path) -> int:
    """Cuts off a record that is torn, and ends the file as MCAP wants it, without an index.

    `ros2 bag reindex` writes metadata.yaml, for those who need it; our reader does without.

    Args:
        bag: The bag's folder, or its .mcap file.

    Returns:
        Bytes that were cut off.

    Raises:
        BagError: there is nothing to mend, or no MCAP file.
        OSError: the file can't be written.
    """
    files = [bag] if bag.is_file() else sorted(bag.glob("*.mcap"))
    if len(files) != 1:
        raise BagError(f"{bag} holds no single .mcap file to mend")
    with files[0].open("r+b") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise BagError(f"{files[0]} does not begin as an MCAP file; there is nothing to save")
        size = os.fstat(file.fileno()).st_size
        file.seek(-len(MAGIC), os.SEEK_END)
        if size > len(MAGIC) and file.read() == MAGIC:
            raise BagError(f"{files[0]} has its end; there is nothing to mend")
        end = len(MAGIC)
        while end + _HEAD.size <= size:
            file.seek(end)
            opcode, length = _HEAD.unpack(file.read(_HEAD.size))
            if opcode in (0, _DATA_END) or end + _HEAD.size + length > size:
                break
            end += _HEAD.size + length
        if end == len(MAGIC):
            raise BagError(f"{files[0]} holds no whole record; there is nothing to save")
        file.truncate(end)
        file.seek(end)
        file.write(_END)
    return size - end

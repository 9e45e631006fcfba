"""Reads XML from strangers: no entities, no document types, bounded in every way."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

MAX_BYTES = 64 * 2**20
MAX_ELEMENTS, MAX_DEPTH = 1_000_000, 32
MAX_NUMBER = 1e6
"""No coordinate or length of a map is larger, in metres."""

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?\d{1,10}\s*", re.ASCII)


class OpenDriveError(ValueError):
    """A text that is no OpenDRIVE map; says which line and element, and what is wrong with it."""


class Node(ET.Element):
    """An element that knows its line."""

    __slots__ = ("line",)
    line: int

    def fail(self, problem: str) -> OpenDriveError:
        """The error that this element is wrong; raise it."""
        name = self.get("id")
        label = f"<{self.tag}>" if name is None else f'<{self.tag} id="{name[:40]}">'
        return OpenDriveError(f"line {self.line}, {label}: {problem}")

    def child(self, tag: str) -> Node | None:
        """The first child of that name."""
        found = self.find(tag)
        return found if isinstance(found, Node) else None

    def children(self, path: str) -> Iterator[Node]:
        """All descendants at a path, in the file's order."""
        yield from (found for found in self.iterfind(path) if isinstance(found, Node))

    def text_of(self, name: str, default: str | None = None) -> str:
        """An attribute; without `default` it has to be there."""
        value = self.get(name, default)
        if value is None:
            raise self.fail(f"the attribute {name!r} is missing")
        return value.strip()

    def number(self, name: str, default: float | None = None, limit: float = MAX_NUMBER) -> float:
        """A finite number no larger than `limit`; an empty attribute counts as missing."""
        text = self.get(name, "")
        if not text.strip() and default is not None:
            return default
        text = self.text_of(name)
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not math.isfinite(value):
            raise self.fail(f"{name}={text[:40]!r} is no finite number")
        if abs(value) > limit:
            raise self.fail(f"{name}={value:g} is out of range; at most {limit:g} is allowed")
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number, as the CARLA client wants ids to be."""
        text = self.get(name, "")
        if not text.strip() and default is not None:
            return default
        text = self.text_of(name)
        if not _WHOLE.fullmatch(text):
            raise self.fail(f"{name}={text[:40]!r} is no whole number of up to 10 digits")
        return int(text)


class _Builder:
    """Turns expat's events into nodes."""

    def __init__(self) -> None:
        self._parser: Any = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._stack: list[Node] = []
        self._count = 0
        self.root: Node | None = None

    def parse(self, text: str) -> None:
        self._parser.Parse(text, True)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        line = self._parser.CurrentLineNumber
        if self._count > MAX_ELEMENTS or len(self._stack) >= MAX_DEPTH:
            raise OpenDriveError(
                f"line {line}: more than {MAX_ELEMENTS} elements, or nested deeper than {MAX_DEPTH}"
            )
        node = Node(tag, attributes)
        node.line = line
        if self._stack:
            self._stack[-1].append(node)
        else:
            self.root = node
        self._stack.append(node)

    def _end(self, tag: str) -> None:
        self._stack.pop()

    def _characters(self, text: str) -> None:
        node = self._stack[-1]
        node.text = (node.text or "") + text

    def _refuse(self, name: str, *_: object) -> None:
        raise OpenDriveError(
            f"line {self._parser.CurrentLineNumber}: document types and entities are refused, "
            f"as {str(name)[:40]!r}; OpenDRIVE needs none"
        )


def read_xml(text: str) -> Node:
    """The root of an XML text.

    Raises:
        OpenDriveError: It is larger than 64 MiB, no well-formed XML, nested too deep, has too many
            elements, or declares a document type or an entity.
    """
    if len(text) > MAX_BYTES:
        raise OpenDriveError(f"{len(text)} characters are too many; at most {MAX_BYTES}")
    builder = _Builder()
    try:
        builder.parse(text)
    except expat.ExpatError as error:
        raise OpenDriveError(f"not well-formed XML: {error}") from None
    except UnicodeEncodeError:
        raise OpenDriveError("the text holds halves of surrogate pairs, which no XML may") from None
    if builder.root is None:
        raise OpenDriveError("the text holds no element")
    return builder.root

"""MkDocs hook: makes one site of docs/ and of the documents that lie elsewhere in the repository.

Documents link to each other as GitHub wants it. Here their links are turned to where the pages of
the site are; what is no page of it, such as a source file, is named instead of linked.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "policies/README.md": "policies.md",
    "policies/lane_keeping.md": "policies_lane_keeping.md",
    "src/carla_lite/README.md": "carla_lite.md",
}
"""Documents outside of docs/, and what they are called on the site."""
PICTURES = ("src/carla_lite/docs/*.jpg",)
LINK = re.compile(r"(?<!`)(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Adds the documents and pictures from elsewhere."""
    for source, page in PAGES.items():
        text = rewritten((ROOT / source).read_text(), source)
        files.append(File.generated(config, page, content=text))
    for picture in sorted(path for pattern in PICTURES for path in ROOT.glob(pattern)):
        place = site_path(picture.relative_to(ROOT).as_posix())
        files.append(File.generated(config, place, content=picture.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turns the links of a page of docs/ itself."""
    if page.file.generated_by:
        return markdown
    return rewritten(markdown, f"docs/{page.file.src_uri}")


def site_path(path: str) -> str:
    """Where a file of the repository is on the site; "" if it is not there."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path.endswith(".jpg"):
        return f"pictures/{posixpath.basename(path)}"
    return PAGES.get(path, "")


def rewritten(text: str, source: str) -> str:
    """A document with its links turned.

    Args:
        text: The document.
        source: Its path in the repository.
    """
    here = posixpath.dirname(site_path(source))

    def turn(link: re.Match[str]) -> str:
        mark, label, target = link.groups()
        path, hash_sign, anchor = target.partition("#")
        if not path or "://" in target:
            return link[0]
        place = site_path(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        if not place or not (place.endswith((".md", ".png", ".jpg", ".json", ".svg"))):
            return label if "`" in label else f"{label} (`{path.lstrip('./')}`)"
        return f"{mark}[{label}]({posixpath.relpath(place, here or '.')}{hash_sign}{anchor})"

    return LINK.sub(turn, text)

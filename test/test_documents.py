"""What the documents say is so."""

import re
from pathlib import Path

import pytest

from td3_driving.cli.main import parser
from td3_driving.launching.plan import NODES
from td3_driving.ros import topics

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
INTERFACES = (ROOT / "docs/interfaces.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("topic", topics.TOPICS, ids=lambda topic: topic.name)
def test_every_topic_is_documented_with_its_type(topic: topics.Topic) -> None:
    package = topic.type.__module__.split(".")[0]
    rows = [row for row in INTERFACES.splitlines() if row.startswith(f"| `{topic.name}` ")]
    assert len(rows) == 1, f"{topic.name} must have one row in docs/interfaces.md"
    assert f"{package}/{topic.type.__name__}" in rows[0]


@pytest.mark.parametrize("service", topics.SERVICES, ids=lambda service: service.name)
def test_every_service_is_documented_with_its_type(service: topics.Service) -> None:
    package = service.type.__module__.split(".")[0]
    assert f"| `{service.name}` | {package}/{service.type.__name__} |" in INTERFACES


def test_every_command_of_the_readme_exists() -> None:
    goals = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    assert {"train", "test", "evaluate", "drive", "exec"} <= goals
    for goal in goals:
        assert re.search(rf"^([a-z]+ )*{goal}( [a-z]+)*:", MAKEFILE, re.MULTILINE), goal


def test_options_in_the_readme_are_understood() -> None:
    for goal, arguments in re.findall(r'^make (train|evaluate|drive) ARGS="([^"]*)"', README, re.M):
        parser().parse_args([goal, *arguments.split()])


DOCUMENTS = [
    *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("policies/*.md"),
    ROOT / "src/carla_lite/README.md",
]  # fmt: skip


def prose(document: Path) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """What may follow the # in a link to the document, as GitHub and MkDocs name headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in headings)
    return {re.sub(r"[ -]+", "-", heading) for heading in words}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_exist(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), f"it links to {target}"
        if anchor:
            assert anchor in anchors(file), f"it links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_block_of_code_is_understood(document: Path) -> None:
    for block in re.findall(r"^```\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = line.partition("#")[0].split()
            if words[:1] == ["td3-driving"]:
                parser().parse_args([word.strip('"') for word in words[1:]])


def test_every_place_in_the_site_has_its_page() -> None:
    site = (ROOT / "mkdocs.yml").read_text()
    placed = set(re.findall(r": ([\w/]+\.md)$", site, re.MULTILINE))
    elsewhere = re.findall(r'^ {4}"(.+)": "(.+)",$', (ROOT / "scripts/site.py").read_text(), re.M)
    assert all((ROOT / source).is_file() for source, _ in elsewhere)
    own = {str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md")}
    assert placed <= own | {page for _, page in elsewhere}
    assert {page for _, page in elsewhere} <= placed


def taken() -> set[tuple[str, str, str]]:
    """Who gives which topic to whom, as the table of docs/interfaces.md says."""
    found = set()
    for row in INTERFACES.split("## Services")[0].splitlines():
        cells = [cell.strip() for cell in row.split("|")[1:-1]]
        if len(cells) == 5 and cells[0].startswith("`") and cells[4]:
            givers = NODES if cells[3] == "all four" else (cells[3],)
            for taker in cells[4].split(", "):
                found |= {(giver, cells[0].strip("`"), taker) for giver in givers}
    return found


def test_the_graph_is_drawn_as_the_table_of_topics_says() -> None:
    drawing = (ROOT / "docs/architecture.md").read_text().split("```mermaid")[1].split("```")[0]
    drawn = {
        (giver, topic, taker)
        for givers, said, taker in re.findall(r'^ *(.+) -- "(.+)" --> (\w+)$', drawing, re.M)
        for giver in givers.split(" & ")
        for topic in said.split(", ")
    }
    assert drawn == taken()

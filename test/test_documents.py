"""What the documents say is so."""

import re
from pathlib import Path

import pytest

from td3_driving.cli.main import parser
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


def test_files_that_documents_link_to_exist() -> None:
    documents = [ROOT / "README.md", *ROOT.glob("docs/*.md"), ROOT / "src/carla_lite/README.md"]
    for document in documents:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name} links to {target}"

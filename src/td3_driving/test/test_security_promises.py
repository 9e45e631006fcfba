"""What SECURITY.md promises: no file is executed, and discovery stays on this host."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from td3_driving.ros.middleware import middleware_environment

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted(
    file
    for folder in ("src/td3_driving/td3_driving", "src/carla_lite/carla_lite", "scripts", "launch")
    for file in (ROOT / folder).rglob("*.py")
)
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load", "torch.save",
    "yaml.load", "yaml.full_load", "yaml.unsafe_load", "subprocess.getoutput", "tempfile.mktemp",
}  # fmt: skip


def banned(tree: ast.AST) -> Iterator[str]:
    """What must not be in a source, each with its line."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            if name.split(".")[0] in MODULES:
                yield f"{node.lineno}: import of {name}"
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) in CALLS:
                yield f"{node.lineno}: {ast.unparse(node.func)}"
            for keyword in node.keywords:
                said = keyword.arg, ast.unparse(keyword.value)
                if said in (("shell", "True"), ("allow_pickle", "True")):
                    yield f"{node.lineno}: {said[0]}={said[1]}"


def test_no_source_unpickles_evaluates_or_asks_a_shell() -> None:
    assert len(SOURCES) > 300
    found = {
        str(file.relative_to(ROOT)): list(banned(ast.parse(file.read_text()))) for file in SOURCES
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from cloudpickle import loads", "eval('1')", "torch.load('x')",
        "yaml.load(text)", "subprocess.run('ls', shell=True)", "np.load('x', allow_pickle=True)",
        "os.system('ls')",
    ],
)  # fmt: skip
def test_each_of_what_is_banned_would_be_found(source: str) -> None:
    assert list(banned(ast.parse(source)))


def test_discovery_reaches_this_host_alone_unless_asked_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "ROS_AUTOMATIC_DISCOVERY_RANGE"
    monkeypatch.delenv(name, raising=False)
    assert middleware_environment()[name] == "LOCALHOST"
    monkeypatch.setenv(name, "SUBNET")
    assert name not in middleware_environment()


def test_numpy_files_are_read_without_pickles() -> None:
    """numpy's default is the safe one; it is said all the same."""
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.load":
                said = {key.arg: ast.unparse(key.value) for key in node.keywords}
                assert said.get("allow_pickle") == "False", f"{file}:{node.lineno}"

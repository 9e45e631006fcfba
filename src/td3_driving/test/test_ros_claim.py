"""Names claimed on this host: who is refused, what is said, and when a name is free again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest

from td3_driving.ros.claim import Claim, NameTaken

HOLD = """
import sys
from td3_driving.ros.claim import Claim
claim = Claim(sys.argv[2:], int(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def name() -> str:
    """A node's name that nobody else has, of any length."""
    return f"/carla/{uuid4().hex * 8}/control"


@pytest.fixture
def holder(name: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the name in domain 5."""
    command = [sys.executable, "-c", HOLD, "5", name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_taken_name_is_refused_with_who_has_it_where_and_what_to_do(holder, name: str) -> None:
    with pytest.raises(NameTaken) as refusal:
        Claim([name], 5)
    assert str(refusal.value) == (
        f"process {holder.pid} is {name} in ROS domain 5 already; end it, or give this one another "
        "domain (ROS_DOMAIN_ID=1 to 101) or another vehicle (role_name)"
    )


def test_the_same_name_in_another_domain_is_free(holder, name: str) -> None:
    with Claim([name], 6):
        pass


def test_a_claim_dies_with_its_holder_however_that_ends(holder, name: str) -> None:
    holder.kill()
    holder.wait()
    with Claim([name], 5):
        pass


def test_a_claim_is_not_inherited_by_the_processes_that_its_holder_starts(name: str) -> None:
    with Claim([name], 5):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with Claim([name], 5):
            pass
    finally:
        child.kill()
        child.wait()


def test_one_taken_name_leaves_the_others_free(holder, name: str) -> None:
    with pytest.raises(NameTaken):
        Claim([f"{name}_before", name, f"{name}_after"], 5)
    with Claim([f"{name}_before", f"{name}_after"], 5):
        pass

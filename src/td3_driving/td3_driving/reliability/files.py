"""Cases of bad disks, damaged checkpoints and hostile policies, without a graph."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.trainer import OnlineTrainer
from td3_driving.agent.types import Sight
from td3_driving.driving.vehicle import VehicleState
from td3_driving.learning import checkpoint
from td3_driving.learning.errors import CheckpointError, NonFiniteError
from td3_driving.learning.policy_file import load_policy, save_policy
from td3_driving.reliability.case import Figures, NotInjected, Register, require

FILES = Register()
case = FILES.case

PARAMETERS = AgentParameters(seed=1, replay_capacity=1000, batch_size=2, n_step=1)
FULL_BYTES = 100_000
"""What a file may hold on the full disk: less than any checkpoint."""


def sight(number: int, vector: float | None = None) -> Sight:
    """What is seen at a decision: noise, or a vector of one value."""
    noise = np.random.default_rng(number)
    seen = noise.standard_normal(53) if vector is None else np.full(53, vector)
    image = noise.integers(0, 256, (4, 84, 84), dtype=np.uint8)
    nowhere = VehicleState(0.0, 0.0, 0.0, 0.0, 0.0)
    return Sight(image, seen.astype(np.float32), nowhere, np.zeros((25, 2), np.float32))


@contextmanager
def trainer_that_drove(
    parameters: AgentParameters = PARAMETERS, decisions: int = 12
) -> Iterator[OnlineTrainer]:
    """A trainer with one episode in its replay, and some updates behind it."""
    trainer = OnlineTrainer(parameters, 4)
    try:
        drive(trainer, decisions)
        yield trainer
    finally:
        trainer.close()


def drive(trainer: OnlineTrainer, decisions: int) -> None:
    """One episode of noise."""
    trainer.begin(sight(0))
    for number in range(decisions):
        action = trainer.explore(sight(number), progress=0.0)
        last = number == decisions - 1
        trainer.store(action, 0.1, sight(number + 1), False, truncated=last)


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """While it lasts, no file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def raises(kind: type[BaseException] | tuple[type[BaseException], ...], do: Callable) -> str:
    """What an error says that must come."""
    try:
        do()
    except kind as error:
        return str(error)
    raise NotInjected("nothing went wrong")


@case("a full disk during a save: told, and the checkpoint before is whole")
def disk_full(folder: Path) -> Figures:
    """No file may grow."""
    with trainer_that_drove() as trainer:
        trainer.save(folder / "full", {}, keep=3)
        with full_disk(FULL_BYTES):
            raises(OSError, lambda: trainer.save(folder / "full", {}, keep=3))
        require("not saved" in (trainer.alarm or ""), f"the alarm says {trainer.alarm!r}")
        saved = checkpoint.newest(folder / "full")
        require(saved is not None and saved.path.name == "checkpoint-000001", f"newest: {saved}")
        drive(trainer, 5)
        trainer.save(folder / "full", {}, keep=3)
        require(trainer.alarm is None, f"there is room again, and the alarm says {trainer.alarm!r}")
    return {"lost": 0}


@case("a read-only folder during a save: told, and training goes on")
def disk_read_only(folder: Path) -> Figures:
    """A file stands where the folder of checkpoints should be made: not even root can write."""
    blocked = folder / "blocked"
    blocked.write_text("no folder")
    with trainer_that_drove() as trainer:
        why = raises(OSError, lambda: trainer.save(blocked / "checkpoints", {}, keep=3))
        require("blocked" in why, f"the error does not name the folder: {why}")
        drive(trainer, 5)
        require(trainer.replay.stored == 17, "training did not go on")
    return {"lost": 0}


SAVE_FOR_EVER = """
import sys
from pathlib import Path
from td3_driving.reliability.files import drive, trainer_that_drove
with trainer_that_drove() as trainer:
    while True:
        drive(trainer, 3)
        trainer.save(Path(sys.argv[1]), {}, keep=2)
        print("saved", flush=True)
"""


@case("kill -9 at random points of saves: the newest checkpoint loads each time")
def kill_during_saves(folder: Path) -> Figures:
    """A process that does nothing but save."""
    target, lost = folder / "saving", 0
    random = np.random.default_rng(5)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE_FOR_EVER, str(target)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        assert process.stdout is not None
        with process:
            for _ in range(3):
                require(process.stdout.readline(), "the process that saves ended by itself")
            time.sleep(float(random.uniform(0.0, 0.2)))
            process.kill()
        saved = checkpoint.newest(target)
        require(saved is not None, "no checkpoint is whole")
        assert saved is not None
        lost = max(lost, len(saved.passed_over))
        with trainer_that_drove(decisions=4) as other:
            other.load(target)
            other.save(folder / "resumed", {}, keep=1)
    return {"lost": lost, "kills": 2}


@case("a flipped bit or a cut in any file of a checkpoint: refused by name, the older one loads")
def checkpoints_damaged(folder: Path) -> Figures:
    """Each file, at its start, middle and end."""
    with trainer_that_drove() as trainer:
        for _ in range(2):
            trainer.save(folder / "damaged", {}, keep=3)
    newest = folder / "damaged" / "checkpoint-000002"
    damages = 0
    for file in sorted(newest.iterdir()):
        whole = file.read_bytes()
        spoiled = [whole[:cut] for cut in (0, len(whole) // 2, len(whole) - 1)]
        flips = (0, len(whole) // 2, len(whole) - 1)
        spoiled += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in flips]
        for content in spoiled:
            file.write_bytes(content)
            damages += 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                saved = checkpoint.newest(folder / "damaged")
            require(
                saved is not None and saved.path.name == "checkpoint-000001",
                f"{file.name}, damaged, was not passed over",
            )
        file.write_bytes(whole)
    saved = checkpoint.newest(folder / "damaged")
    require(saved is not None and saved.path == newest, "the whole one is not taken")
    return {"damages": damages}


@case("a pickle, a header of 10 GB, a sparse giant and a torn file as policies: refused unread")
def hostile_policies(folder: Path) -> Figures:
    """Nothing of them is executed, and no memory is taken."""
    marker = folder / "executed"
    code = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    with trainer_that_drove() as trainer:
        good = save_policy(folder / "good.safetensors", trainer.candidate("learner").policy)
    hostile = {
        "pickle": code,
        "zip-pickle": b"PK\x03\x04" + code,
        "header-10-gb": struct.pack("<Q", 10 << 30) + b"{",
        "torn": good.read_bytes()[:-1],
        "empty": b"",
        "nan-header": struct.pack("<Q", 12) + b'{"a": NaN}  ',
    }
    for name, content in hostile.items():
        file = folder / f"{name}.safetensors"
        file.write_bytes(content)
        raises((CheckpointError, NonFiniteError), lambda file=file: load_policy(file))
    giant = folder / "giant.safetensors"
    with giant.open("wb") as stream:
        stream.truncate(20 << 30)  # sparse: takes no room
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    raises(CheckpointError, lambda: load_policy(giant))
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    require(grown_mib < 100, f"reading a giant took {grown_mib:.0f} MiB")
    require(not marker.exists(), "a policy file was executed")
    load_policy(good)
    return {"refused": len(hostile) + 1}


@case("a checkpoint whose manifest names files outside of its folder, or links: refused")
def paths_that_leave_the_folder(folder: Path) -> Figures:
    """Traversal by the manifest, with its digest made to fit, and by a symbolic link."""
    from td3_driving.learning.checkpoint.saved import write_manifest

    with trainer_that_drove() as trainer:
        for _ in range(2):
            trainer.save(folder / "confined", {}, keep=3)
    newest = folder / "confined" / "checkpoint-000002"
    secret = folder / "secret"
    secret.write_text("secret")
    manifest = json.loads((newest / "manifest.json").read_text())
    for name in ("../../secret", str(secret)):
        write_manifest(newest, {**manifest["files"], name: checkpoint_digest(secret)}, [])
        raises(CheckpointError, lambda: checkpoint.read(newest, with_replay=False))
    write_manifest(newest, manifest["files"], [])
    agent = newest / "agent.safetensors"
    shutil.move(agent, folder / "elsewhere")
    agent.symlink_to(folder / "elsewhere")
    raises(CheckpointError, lambda: checkpoint.read(newest, with_replay=False))
    return {"refused": 3}


def checkpoint_digest(file: Path) -> str:
    """As a manifest has it."""
    from td3_driving.learning.files import sha256

    return sha256(file)

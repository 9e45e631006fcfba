"""Cases of a disk that fails at each write point of a checkpoint in turn, without a graph."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import warnings
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import torch

from td3_driving.learning import checkpoint
from td3_driving.learning.checkpoint import CheckpointWriter, LearnerState
from td3_driving.learning.config import TD3Config
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent
from td3_driving.reliability.case import Figures, NotInjected, Register, require
from td3_driving.reliability.disk import Disk

DISKS = Register()
case = DISKS.case

IMAGE = (4, 36, 36)
CONFIG = TD3Config(image_shape=IMAGE, vector_dim=5, features_dim=32, hidden=(32, 32), batch_size=8)
CHUNK = 128
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS)
KEEP = 2


class Learner:
    """A small agent with its memory, and the writer of its checkpoints; a context manager."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.agent = TD3Agent.create(CONFIG, seed)
        self.replay = FrameReplay(400, IMAGE, CONFIG.vector_dim, 2, seed=seed)
        self.writer = CheckpointWriter(folder, CHUNK)
        self._random = np.random.default_rng(seed)

    def __enter__(self) -> Learner:
        torch.set_num_threads(1)
        self.drive(150)
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()

    def drive(self, decisions: int) -> None:
        """One episode of noise, and an update."""
        frame = self._random.integers(0, 256, IMAGE[1:], dtype=np.uint8)
        vector = self._random.standard_normal(CONFIG.vector_dim).astype(np.float32)
        self.replay.begin(frame, vector)
        for number in range(decisions):
            action = self._random.uniform(-1, 1, 2).astype(np.float32)
            self.replay.append(action, 0.1, False, number == decisions - 1, frame, vector)
        self.agent.train(self.replay)

    def save(self) -> Path:
        """A whole checkpoint, or an error."""
        state: Future[LearnerState] = Future()
        state.set_result(LearnerState.of(self.agent, self.replay))
        return self.writer.save(state, self.replay, keep=KEEP).result()


def _newest_loads(folder: Path) -> str:
    """The newest checkpoint's name; a fresh learner goes on from it, and none is passed over."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved = checkpoint.newest(folder)
        require(saved is not None, "no checkpoint is whole")
        assert saved is not None
        agent = TD3Agent.create(CONFIG, 9)
        replay = FrameReplay(400, IMAGE, CONFIG.vector_dim, 2)
        checkpoint.load(saved, agent, replay)
    require(replay.stored >= 150 and agent.updates >= 1, "it lacks what was saved")
    return saved.path.name


def _points(folder: Path) -> list[str]:
    """The write points of a save that retires an older checkpoint, by name and file."""
    with Disk(folder).mounted(), Learner(folder) as learner:
        for _ in range(KEEP):
            learner.save()
        learner.drive(150)
        with Disk(folder).mounted() as disk:
            learner.save()
    shutil.rmtree(folder)
    if len(disk.points) < 10:
        raise NotInjected(f"a save has the write points {disk.points} only")
    return disk.points


@case("a disk full, broken or read-only from any write point of a save on: told, nothing lost")
def disk_fails_at_every_write_point(folder: Path) -> Figures:
    """The learner goes on meanwhile, and the first save on the mended disk is whole."""
    return fail_at_every_write_point(folder, ERRORS)


def fail_at_every_write_point(folder: Path, errors: tuple[int, ...]) -> Figures:
    """One save for each error and write point."""
    points, failures = _points(folder / "counted"), 0
    for error in errors:
        for first, point in enumerate(points):
            room = folder / f"{error}-{first}"
            with Disk(room).mounted(), Learner(room) as learner:
                for _ in range(KEEP):
                    learner.save()
                before = _newest_loads(room)
                learner.drive(150)
                with Disk(room, first, error).mounted() as disk:
                    try:
                        learner.save()
                        told = ""
                    except OSError as why:
                        told = str(why)
                require(disk.failed, f"{point} did not fail")
                require(told and learner.writer.error, f"{point} failed, and nobody was told")
                after = _newest_loads(room)
                require(after >= before, f"{point} failed, and {before} is gone")
                learner.drive(20)
                saved = learner.save()
                require(_newest_loads(room) == saved.name, f"no save after {point} had failed")
                require(learner.writer.error is None, f"mended, and it says {learner.writer.error}")
                left = [path.name for path in room.glob(".*-checkpoint-*")]
                require(not left, f"{point} failed, and left {left} behind")
            failures += 1
            shutil.rmtree(room)
    return {"write_points": len(points), "failures": failures}


@case(
    "the power cut at each write point of a save, unsynced files torn: the newest whole one loads"
)
def killed_at_every_write_point(folder: Path) -> Figures:
    """SIGKILL in the middle of the write; of files not seen through to the disk half is lost."""
    points, newer = _points(folder / "counted"), 0
    for first, point in enumerate(points):
        room = folder / f"killed-{first}"
        with Disk(room).mounted(), Learner(room) as learner:
            for _ in range(KEEP):
                before = learner.save().name
        child = os.fork()
        if child == 0:
            _die_saving(room, first)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != -signal.SIGKILL:
            raise NotInjected(f"{point}: the process that saves ended with {status}")
        found = _newest_loads(room)
        require(found >= before, f"killed at {point}: {before} is gone")
        newer += found > before
        with Disk(room).mounted(), Learner(room) as learner:
            saved = learner.save()
        require(_newest_loads(room) == saved.name, f"killed at {point}: no save after that")
        left = [path.name for path in room.glob(".*-checkpoint-*")]
        require(not left, f"killed at {point}: {left} is left")
        shutil.rmtree(room)
    require(0 < newer < len(points), f"{newer} of {len(points)} kills were after the save")
    return {"write_points": len(points), "kills": len(points), "lost": 0}


def _die_saving(room: Path, first: int) -> None:
    """In a process of its own: saves until the power is cut."""
    try:
        with Learner(room) as learner:
            learner.writer.lock()
            saved = checkpoint.newest(room)
            assert saved is not None
            checkpoint.load(saved, learner.agent, learner.replay)
            learner.writer.go_on_from(saved)
            learner.drive(150)
            with Disk(room, first, None).mounted():
                learner.save()
    finally:
        os._exit(1)

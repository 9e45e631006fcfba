"""Cases of a training whose nodes are killed under the supervisor, as the launch files start it."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from td3_driving.launching.plan import NODES
from td3_driving.learning import checkpoint
from td3_driving.learning.checkpoint import Saved
from td3_driving.nodes.supervisor import SupervisorParameters
from td3_driving.reliability.case import Figures, Register, require, until
from td3_driving.reliability.commands import listening
from td3_driving.reliability.suite import Suite
from td3_driving.reliability.training import ACTION_REPEAT, Counter, require_ledger

SUPERVISED = Register()
case = SUPERVISED.case

SUPERVISOR = "supervisor"
RESPAWN_S = 2.0
"""Wait before a process is started again, as the launch files do."""
START_S = 150.0
"""In which six processes must be at work on a machine that has much else to do."""
FRESH_TICKS = 10
MOST_LOST = 3
"""Of a kill: the open decision, and those of restarts after it."""
GIVES_UP_S = 120.0

CRASHING = (
    "import os; from td3_driving.nodes import perception; "
    "perception.Perception.configure = lambda *_: os._exit(7); perception.main()"
)
"""A perception that crashes whenever it is configured."""


class SupervisedTraining(Suite):
    """A training in four processes, a supervisor, and a launch that starts what ends badly."""

    def __init__(self, folder: Path, domain: int) -> None:
        self.run = folder / "run"
        agent = {
            "steps": 1_000_000, "batch_size": 4, "replay_capacity": 2000, "learning_starts": 50,
            "checkpoint_minutes": 0.02, "selections": 0, "episode_s": 3.0,
            "episodes_per_map": 1000,
        }  # fmt: skip
        parameters = {"td3_agent": agent, "carla_bridge": {"retry_max_s": 1.0}}
        arguments = {"run_dir": str(self.run), "seed": "1"}
        super().__init__(folder, domain, "train", arguments, parameters, autostart=False)
        self.starts = dict.fromkeys(self.nodes, 0)
        self._ticks_at_kill = 0
        self._stopping = threading.Event()
        self._respawning = threading.Thread(target=self._respawn, daemon=True)
        self._context = ExitStack()

    def __enter__(self) -> SupervisedTraining:
        self.counter = self._context.enter_context(listening(self.domain, Counter))
        super().__enter__()
        self._respawning.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._respawning.join()
        self._context.close()
        super().__exit__(*error)

    def start(self, name: str) -> None:
        """As Suite.start, and counts."""
        self.starts[name] += 1
        super().start(name)

    def kill(self, name: str) -> float:
        """As Suite.kill, and notes what had been driven."""
        killed_s = super().kill(name)
        self._ticks_at_kill = self.counter.ticks
        return killed_s

    def driven_since(self, saved: Saved) -> int:
        """Decisions that were driven until the last kill, and are not in a checkpoint."""
        return self._ticks_at_kill // ACTION_REPEAT - int(saved.extra["decisions"])

    def make_crash(self, name: str) -> None:
        """From now on the node's process crashes whenever it is configured."""
        self._commands[name] = [sys.executable, "-c", CRASHING, *self._commands[name][1:]]

    def saved(self) -> Saved | None:
        """The newest whole checkpoint."""
        return checkpoint.newest(self.run / "checkpoints")

    def trains(self) -> float:
        """Waits until the agent has told of some more ticks; how long that took."""
        wanted = self.counter.ticks + FRESH_TICKS
        return until(lambda: self.counter.ticks >= wanted, START_S, "the training goes on")

    def _respawn(self) -> None:
        ended_s: dict[str, float] = {}
        while not self._stopping.wait(0.05):
            for name in NODES:
                if self.alive(name) or not self.alive(SUPERVISOR):
                    continue
                ended_s.setdefault(name, time.monotonic())
                if time.monotonic() - ended_s[name] > RESPAWN_S:
                    del ended_s[name]
                    self.start(name)


def _number(saved: Saved | None) -> int:
    return 0 if saved is None else int(saved.path.name.removeprefix("checkpoint-"))


def _whole(suite: SupervisedTraining) -> Saved:
    """The newest checkpoint: there is one, no newer one is damaged, and its ledger is balanced."""
    saved = suite.saved()
    require(saved is not None, "no whole checkpoint")
    assert saved is not None
    require(not saved.passed_over, f"a checkpoint was damaged: {dict(saved.passed_over)}")
    require_ledger(saved)
    return saved


def _killed(suite: SupervisedTraining, name: str) -> tuple[Saved, Saved, float]:
    """All come down, the process begins anew, and the training goes on from where it was.

    Returns:
        The newest checkpoints at the kill and after it, and the time to resume in seconds.
    """
    suite.trains()
    until(suite.saved, START_S, "a checkpoint")
    starts, begun_s = suite.starts[name], suite.kill(name)
    before = _whole(suite)
    until(lambda: suite.starts[name] > starts, START_S, f"{name} is started again")
    suite.trains()
    resume_s = time.monotonic() - begun_s
    number = _number(suite.saved())
    until(lambda: _number(suite.saved()) > number, START_S, "another checkpoint")
    require(suite.alive(SUPERVISOR), f"the supervisor gave up: {suite.log(SUPERVISOR)}")
    after = _whole(suite)
    require(after.extra["decisions"] > before.extra["decisions"], "it began again from the start")
    return before, after, resume_s


def _dropped(saved: Saved) -> int:
    return sum(saved.extra["ledger"]["dropped"].values())


def _killed_beside_the_agent(suite: SupervisedTraining, name: str) -> Figures:
    """The learner lives on: only the decision under way can be lost, and it is accounted for."""
    before, after, resume_s = _killed(suite, name)
    lost = _dropped(after) - _dropped(before)
    require(lost <= MOST_LOST, f"{lost} decisions were dropped")
    return {"resume_s": resume_s, "lost": lost}


@case("SIGKILL of control under the supervisor while training: all down, up again, and trained on")
def kill_control_while_training(suite: SupervisedTraining) -> Figures:
    """The guard."""
    return _killed_beside_the_agent(suite, "control")


@case("SIGKILL of perception under the supervisor while training: down, up again, and trained on")
def kill_perception_while_training(suite: SupervisedTraining) -> Figures:
    """The eye."""
    return _killed_beside_the_agent(suite, "perception")


@case("SIGKILL of the bridge under the supervisor while training: down, up again, and trained on")
def kill_carla_bridge_while_training(suite: SupervisedTraining) -> Figures:
    """The simulator's client; its vehicle is cleared away by the next one."""
    return _killed_beside_the_agent(suite, "carla_bridge")


@case("SIGKILL of the agent under the supervisor while training: the next resumes, and trains on")
def kill_td3_agent_while_training(suite: SupervisedTraining) -> Figures:
    """The learner: what it did after its newest checkpoint is lost."""
    before, _, resume_s = _killed(suite, "td3_agent")
    return {"resume_s": resume_s, "lost": suite.driven_since(before)}


@case("a node that crashes at configure, again and again: given up within the limits, and told why")
def crash_loop_at_configure(suite: SupervisedTraining) -> Figures:
    """The others are left inactive, and the supervisor's exit code says that it failed."""
    suite.trains()
    limit = SupervisorParameters().restarts
    suite.make_crash("perception")
    starts, begun_s = suite.starts["perception"], suite.kill("perception")
    until(lambda: not suite.alive(SUPERVISOR), GIVES_UP_S, "the supervisor gives up")
    gave_up_s = time.monotonic() - begun_s
    code, said = suite.exit_code(SUPERVISOR, 1.0), suite.log(SUPERVISOR, 1000)
    crashes = suite.starts["perception"] - starts
    require(code == 1, f"the supervisor's exit code is {code}")
    require(
        f"perception began anew, after {limit} restarts" in said, f"it does not say why: {said}"
    )
    require(crashes <= limit + 1, f"{crashes} restarts, allowed are {limit}")
    ticks = suite.counter.ticks
    time.sleep(1.0)
    require(suite.counter.ticks == ticks, "it still drives")
    return {"restarts": crashes, "gave_up_s": gave_up_s}

"""Everything that can be set about a run of the agent; the parameters of the td3_agent node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from td3_driving.driving.episodes import MAP_SPLIT
from td3_driving.parameters import parameter

AS_THE_TASK = "task"
"""What a text says that is left to the task; a number says 0."""


@dataclass(frozen=True)
class AgentParameters:
    """The td3_agent node's parameters. Units and ranges stand with each field."""

    # What to do.
    mode: str = parameter(
        "train", "learn, score a policy, or just drive", choices=("train", "evaluate", "drive")
    )
    policy: str = parameter(
        "", "policy file, run folder, random or pure_pursuit; empty in mode train: learn a new one"
    )
    seed: int = parameter(0, "seed of everything random in the agent", "", 0, 2**31)
    steps: int = parameter(0, "ticks of training in the whole run; 0: by minutes", "", 0, 10**12)
    minutes: float = parameter(
        10.0, "wall time of training; used when steps is 0", "min", 0.01, 1e5
    )
    run_dir: str = parameter("", "folder of the run; empty: nothing is written")
    resume: bool = parameter(False, "go on from the newest whole checkpoint in run_dir")
    launch: str = parameter("", "name of the launch; the run that it began itself is gone on with")

    # Where to drive, and what counts: the task, and what shall differ from it.
    task: str = parameter(
        "", "name of the task, or its .yaml file; empty: the policy's, or lane_keeping"
    )
    kind: str = parameter(
        AS_THE_TASK,
        "kind of procedural maps; task: as the task says",
        choices=(AS_THE_TASK, "circuit", "town", "mixed"),
    )
    map: str = parameter("", "one fixed map, such as Town02; empty: as the task says")
    training_maps: int = parameter(1000, "procedural maps to train on", "", 1, 100_000)
    episodes_per_map: int = parameter(8, "episodes before another map is loaded", "", 1, 10**6)
    episode_s: float = parameter(
        0.0, "length of a training episode; 0: as the task says", "s", 0.0, 3600.0
    )

    # What the agent sees and earns.
    action_repeat: int = parameter(
        0, "ticks that one decision holds; 0: as the task says", "", 0, 20
    )
    waypoint_mode: str = parameter(
        AS_THE_TASK,
        "waypoints in the observation; task: as the task says",
        choices=(AS_THE_TASK, "full", "noisy", "none"),
    )
    waypoint_count: int = parameter(
        0, "waypoints in the observation; 0: as the task says", "", 0, 200
    )
    waypoint_spacing_m: float = parameter(
        0.0, "spacing of the waypoints; 0: as the task says", "m", 0.0, 50.0
    )
    reward: str = parameter(
        AS_THE_TASK,
        "name of the reward function, or your own as module:function; task: as the task says",
    )
    target_speed_mps: float = parameter(
        0.0,
        "speed with the highest reward; 0: as the task says",
        "m/s",
        0.0,
        50.0,
        changeable=True,
    )

    # How it learns: TD3.
    learning: str = parameter(
        "lock_step",
        "lock_step: a fixed number of updates per decision, the same run for the same seed; "
        "free_running: as many as the machine can",
        choices=("lock_step", "free_running"),
    )
    decisions_per_update: int = parameter(4, "decisions per update in lock_step", "", 1, 10_000)
    learning_starts: int = parameter(
        1500, "decisions before the first update, at most a tenth of the run's", "", 1, 10**9
    )
    replay_capacity: int = parameter(100_000, "decisions remembered", "", 1000, 10**8)
    batch_size: int = parameter(32, "decisions per update", "", 2, 65_536)
    actor_lr: float = parameter(1e-4, "the actor's learning rate", "", 1e-8, 1.0)
    critic_lr: float = parameter(3e-4, "the critic's learning rate", "", 1e-8, 1.0)
    gamma: float = parameter(0.99, "discount per decision", "", 0.0, 1.0)
    n_step: int = parameter(3, "decisions whose rewards one update sums up", "", 1, 20)
    tau: float = parameter(0.005, "share of the target networks renewed per update", "", 0.0, 1.0)
    policy_delay: int = parameter(2, "critic updates per actor update", "", 1, 100)
    encoder: str = parameter(
        "separate",
        "separate: a CNN each for actor and critic; shared_critic, shared_actor: one for both, "
        "trained by that loss alone",
        choices=("separate", "shared_critic", "shared_actor"),
    )
    device: str = parameter(
        "cpu",
        "where the learner computes; cpu: the same run on every machine; auto: a GPU if there is "
        "one",
        choices=("cpu", "cuda", "auto"),
    )
    precision: str = parameter(
        "float32",
        "of pictures and activations on a GPU; float32 is tf32 there",
        choices=("float32", "float16", "bfloat16"),
    )
    pretanh_l2: float = parameter(1e-3, "weight of the actor's pre-tanh penalty", "", 0.0, 10.0)
    noise_start: float = parameter(
        0.25, "exploration noise at the start", "", 0.0, 2.0, changeable=True
    )
    noise_end: float = parameter(
        0.05, "exploration noise at the end", "", 0.0, 2.0, changeable=True
    )
    training: bool = parameter(
        True, "whether what is driven is learned from; false: no updates", changeable=True
    )

    # Choosing and scoring.
    selections: int = parameter(4, "times the policy is scored during training", "", 0, 1000)
    selection_episodes: int = parameter(3, "episodes of each such score", "", 1, 1000)
    test_episodes: int = parameter(20, "episodes of an evaluation", "", 1, 10_000)
    test_first_seed: int = parameter(
        MAP_SPLIT.test.start, "first map seed of an evaluation", "", 0, 2**31
    )
    test_last_seed: int = parameter(
        MAP_SPLIT.test.start + 19, "last map seed of an evaluation", "", 0, 2**31
    )
    test_map: str = parameter("", "one fixed map to be scored on; empty: procedural maps by seed")
    closing_test: str = parameter(
        "auto",
        "untrained against now on test maps, at the end; auto: when training took over 5 minutes",
        choices=("auto", "always", "never"),
    )

    # Keeping.
    checkpoint_minutes: float = parameter(2.0, "wall time between checkpoints", "min", 0.01, 1e5)
    checkpoints_kept: int = parameter(2, "newest checkpoints kept", "", 1, 1000)
    silence_s: float = parameter(
        3.0, "wall time without a tick after which the episode is a fault", "s", 0.1, 600.0
    )

    def contradictions(self) -> Iterator[str]:
        """One sentence for each."""
        if self.test_last_seed < self.test_first_seed:
            yield (
                f"test_last_seed, {self.test_last_seed}, is before test_first_seed, "
                f"{self.test_first_seed}"
            )
        if self.mode != "train":
            return
        starts = self.learning_starts
        if self.steps:
            starts = min(starts, self.steps // max(self.action_repeat, 1) // 10)
        for name, value in (("learning_starts", starts), ("batch_size", self.batch_size)):
            if value > self.replay_capacity:
                yield (
                    f"{name} is {value}, more than replay_capacity, {self.replay_capacity}, "
                    "ever holds; nothing would be learned as meant"
                )


CHANGEABLE = tuple(f.name for f in fields(AgentParameters) if f.metadata["changeable"])
"""What may change while a run goes on."""

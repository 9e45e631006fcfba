"""Who decides: a learned policy, or a baseline to compare it with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from td3_driving.agent.shipped import shipped_policies
from td3_driving.agent.types import Driver, Sight
from td3_driving.driving.observation import shown_waypoints
from td3_driving.driving.pure_pursuit import PurePursuitConfig, pure_pursuit
from td3_driving.learning.policy import Policy


class LearnedDriver:
    """A frozen policy, without noise."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def act(self, sight: Sight) -> np.ndarray:
        """As Driver.act."""
        return self.policy.select_action(sight.observation, deterministic=True)


class RandomDriver:
    """Actions of a driver that knows nothing but that cars roll forward.

    Acceleration is centred on a light throttle: zero-mean noise never moves the car, since the
    brake is stronger than the throttle.
    """

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def act(self, sight: Sight) -> np.ndarray:
        """As Driver.act."""
        return self.draw()

    def draw(self) -> np.ndarray:
        """The next action, whatever there is to see."""
        steer = 0.4 * self.random.standard_normal()
        acceleration = 0.3 + 0.4 * self.random.standard_normal()
        return np.clip([steer, acceleration], -1.0, 1.0).astype(np.float32)


class PurePursuitDriver:
    """Steers for the exact waypoints, whatever the observation shows of them: a ceiling."""

    def __init__(self, config: PurePursuitConfig | None = None) -> None:
        self._config = config or PurePursuitConfig()

    def act(self, sight: Sight) -> np.ndarray:
        """As Driver.act."""
        return np.array(pure_pursuit(sight.state, sight.waypoints, self._config), np.float32)


class SeenPursuitDriver:
    """Steers for the waypoints that the observation shows, drifting as they do."""

    def __init__(self, config: PurePursuitConfig | None = None) -> None:
        self._config = config or PurePursuitConfig()

    def act(self, sight: Sight) -> np.ndarray:
        """As Driver.act."""
        seen = shown_waypoints(sight.vector)
        return np.array(pure_pursuit(sight.state, seen, self._config), np.float32)


def baseline(name: str, seed: int) -> Driver | None:
    """The baseline of that name (random, pure_pursuit), or None if it isn't one."""
    if name == "random":
        return RandomDriver(seed)
    if name == "pure_pursuit":
        return PurePursuitDriver()
    return None


def policy_file(policy: str) -> Path:
    """The policy file that is meant: one shipped by its task's name, a file, or a run folder's.

    Raises:
        FileNotFoundError: there is none; says where it was looked for.
    """
    shipped = shipped_policies()
    if policy in shipped:
        return shipped[policy]
    path = Path(policy).expanduser()
    candidate = path / "policy.safetensors" if path.is_dir() else path
    if not candidate.is_file():
        raise FileNotFoundError(
            f"no policy at {candidate}; give a policy file, the folder of a run that has finished "
            "its first selection, random, or pure_pursuit"
            + (f"; shipped are {', '.join(shipped)}" if shipped else "")
        )
    return candidate

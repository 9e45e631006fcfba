"""What goes in and out of the agent, tick by tick."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.lights import Light
from td3_driving.driving.reward_terms import RewardTerms
from td3_driving.driving.vehicle import VehicleState


class Purpose(str, Enum):
    """Why an episode is driven."""

    TRAIN = "train"
    SELECT = "select"
    UNTRAINED = "untrained"
    TEST = "test"
    DRIVE = "drive"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One episode to drive: why, where, and by whom ("learner", "averaged", "best", ...)."""

    purpose: Purpose
    plan: EpisodePlan
    driver: str


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """What is known after one simulation tick.

    Args:
        episode: Number of the episode.
        step: Ticks since its reset, from 0.
        stack: uint8 (4, 84, 84), newest frame last.
        state: Motion of the vehicle.
        hits: Blueprints of what the vehicle hit in this tick, such as vehicle.audi.tt.
        light: The traffic light in force.
        gap_m: Free way to who is ahead on the route; None: nobody is.
    """

    episode: int
    step: int
    stack: np.ndarray
    state: VehicleState
    hits: tuple[str, ...] = ()
    light: Light = Light.NONE
    gap_m: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What a driver may look at: the observation, and for baselines what lies behind it.

    Args:
        image: uint8 (4, 84, 84), newest frame last.
        vector: float32 (vector_dim,).
        state: Motion of the vehicle.
        waypoints: float32 (n, 2) exact, in the body frame, metres.
    """

    image: np.ndarray
    vector: np.ndarray
    state: VehicleState
    waypoints: np.ndarray

    @property
    def observation(self) -> dict[str, np.ndarray]:
        """As the learner takes it."""
        return {"image": self.image, "vector": self.vector}


class Driver(Protocol):
    """Decides an action from what it sees."""

    def act(self, sight: Sight) -> np.ndarray:
        """float32 (2,): steer and acceleration, each in [-1, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class StepReport:
    """What a tick earned and where it left the vehicle; for the episode topic and the markers."""

    episode: int
    step: int
    terms: RewardTerms
    episode_return: float
    completion: float
    lateral_m: float
    heading_error_rad: float
    terminated: bool
    truncated: bool
    reason: str
    waypoints: np.ndarray
    infractions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drive:
    """Apply this for the next tick; steer and acceleration in [-1, 1]."""

    steer: float
    acceleration: float


@dataclass(frozen=True, slots=True)
class Reset:
    """Start this episode."""

    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Finished:
    """There is nothing left to do."""


Reply = Drive | Reset | Finished

"""TD3 from pictures and a vector: networks, update, replay, noise, checkpoints, checks.

Arrays in, arrays out; this package knows nothing of cars, ROS or CARLA.
"""

from td3_driving.learning.batch import Batch
from td3_driving.learning.checkpoint import CheckpointWriter, load, newest, save
from td3_driving.learning.checks import Check, run_checks
from td3_driving.learning.config import TD3Config
from td3_driving.learning.health import DeadActorDetector
from td3_driving.learning.networks import Actor, NatureCNN, TwinCritic, make_cnn
from td3_driving.learning.noise import GaussianNoise, LinearSchedule, OUNoise
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import PolicyInfo, load_policy, save_policy
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent

__all__ = [
    "Actor",
    "Batch",
    "Check",
    "CheckpointWriter",
    "DeadActorDetector",
    "FrameReplay",
    "GaussianNoise",
    "LinearSchedule",
    "NatureCNN",
    "OUNoise",
    "Policy",
    "PolicyInfo",
    "TD3Agent",
    "TD3Config",
    "TwinCritic",
    "load",
    "load_policy",
    "make_cnn",
    "newest",
    "run_checks",
    "save",
    "save_policy",
]

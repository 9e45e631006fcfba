"""The td3_agent node as a process of its own: it says how it goes, and what it came to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rclpy.clock import Clock, ClockType

from td3_driving.agent.conclusion import conclude, score_line, scores
from td3_driving.agent.runner import Runner
from td3_driving.learning.errors import LearningError
from td3_driving.nodes.running import run_node
from td3_driving.nodes.td3_agent import TD3AgentNode

SAY_EVERY_S = 15.0


def progress(runner: Runner) -> str:
    """One line on how the run goes."""
    status, trainer = runner.status, runner.trainer
    if status.waiting_for:
        return f"waiting for an episode: {status.waiting_for}"
    words = [f"{status.purpose} on {status.map}", f"{status.episodes} episodes"]
    words.append(f"{status.ticks} steps")
    if status.returns:
        words.append(f"return {np.mean(status.returns):.2f}")
        words.append(f"completion {np.mean(status.completions):.1f} %")
    if trainer is not None:
        words.append(f"{trainer.updates} updates")
        words.append(f"{100.0 * min(status.progress, 1.0):.0f} % of the training done")
    return ", ".join(words)


def main() -> int:
    """Runs the node until its program is over, then saves and concludes."""
    return run_node(_make, lambda node: node.finished, (LearningError,), _conclude)


def _make() -> TD3AgentNode:
    node = TD3AgentNode()
    logger, run_dir = node.get_logger(), node.runner.parameters.run_dir
    if run_dir:
        logger.info(f"run folder: {run_dir}; watch it: tensorboard --logdir {run_dir}")

    def say() -> None:
        logger.info(progress(node.runner))
        if node.runner.trainer is not None and node.runner.trainer.alarm:
            logger.error(node.runner.trainer.alarm)

    node.create_timer(SAY_EVERY_S, say, clock=Clock(clock_type=ClockType.STEADY_TIME))
    return node


def _conclude(node: TD3AgentNode) -> None:
    runner, logger = node.runner, node.get_logger()
    logger.info(progress(runner))
    for purpose, score in scores(runner).items():
        logger.info(score_line(purpose, score))
    if runner.trainer is not None and runner.parameters.run_dir:
        conclude(runner, Path(runner.parameters.run_dir))

"""The td3_agent node as a process of its own: it says how it goes, and what it came to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from td3_driving.agent.conclusion import conclude, score_line, scores
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.runner import Runner
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


class TalkingAgent(TD3AgentNode):
    """The node that says on the console how it goes."""

    def configure(self, parameters: AgentParameters) -> None:
        """As TD3AgentNode.configure."""
        super().configure(parameters)
        run_dir = self.runner.parameters.run_dir
        if run_dir:
            self.get_logger().info(
                f"run folder: {run_dir}; watch it: tensorboard --logdir {run_dir}"
            )
        self.create_timer(SAY_EVERY_S, self._say, clock=self._steady)

    def _say(self) -> None:
        if not self.active:
            return
        self.get_logger().info(progress(self.runner))
        if self.runner.trainer is not None and self.runner.trainer.alarm:
            self.get_logger().error(self.runner.trainer.alarm)


def main() -> int:
    """Runs the node until its program is over, then saves and concludes."""
    return run_node(TalkingAgent, lambda node: node.finished, _conclude)


def _conclude(node: TD3AgentNode) -> None:
    runner, logger = getattr(node, "runner", None), node.get_logger()
    if runner is None:
        return  # it was never configured
    logger.info(progress(runner))
    for purpose, score in scores(runner).items():
        logger.info(score_line(purpose, score))
    if runner.trainer is not None and runner.parameters.run_dir:
        conclude(runner, Path(runner.parameters.run_dir))

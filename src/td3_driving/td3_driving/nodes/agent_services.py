"""The services of td3_agent: save, load another policy, switch learning on or off."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import SetBool, Trigger

from td3_driving.agent.build import load_driver
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.runner import Runner
from td3_driving.learning.errors import LearningError
from td3_driving.ros import topics


def offer_services(
    node: Node,
    runner: Runner,
    settings: Callable[[], AgentParameters],
    after_saving: Callable[[], None],
) -> None:
    """Creates save_checkpoint, load_policy and set_training on the node.

    Args:
        node: The agent's.
        runner: Whom they are about.
        settings: The node's parameters in force.
        after_saving: Called when a save, during which nothing was heard, is over.
    """

    def save(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        run_dir = settings().run_dir
        if runner.trainer is None or not run_dir:
            response.message = "nothing is learned here, or run_dir is empty"
            return response
        try:
            runner.save()
            response.success, response.message = True, f"saved under {run_dir}"
        except OSError as error:
            response.message = f"not saved: {error}"
        after_saving()
        return response

    def load(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        parameters = settings()
        try:
            if parameters.mode == "train":
                raise ValueError("a run that learns has its own policy; load one in mode drive")
            needs, driver = load_driver(parameters)
            if needs != runner.parameters:
                raise ValueError(
                    f"{parameters.policy} was trained to see the world differently than the "
                    "policy in force; start the node anew"
                )
            runner.set_driver(driver)
            response.success, response.message = True, f"driving with {parameters.policy}"
        except (ValueError, OSError, LearningError) as error:
            response.message = str(error)
        return response

    def set_training(request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if runner.trainer is None:
            response.message = f"mode {settings().mode} has no learner"
        else:
            node.set_parameters([Parameter("training", value=request.data)])
            response.success = True
            response.message = "learning" if request.data else "driving without learning"
        return response

    node.create_service(Trigger, topics.SAVE_CHECKPOINT.name, save)
    node.create_service(Trigger, topics.LOAD_POLICY.name, load)
    node.create_service(SetBool, topics.SET_TRAINING.name, set_training)

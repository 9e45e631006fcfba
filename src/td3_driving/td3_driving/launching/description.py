"""The launch description of a plan; the one module here that needs launch and launch_ros."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    Shutdown,
    TimerAction,
)
from launch.event_handlers import OnProcessExit, OnProcessIO
from launch.events.process import ProcessExited, ProcessIO
from launch.launch_context import LaunchContext
from launch.launch_description import LaunchDescription
from launch_ros.actions import Node
from launch_ros.substitutions import ExecutableInPackage

from td3_driving.configuration import config_file
from td3_driving.launching.arguments import ARGUMENTS, REPLAY_ARGUMENTS, Argument, Mode
from td3_driving.launching.plan import (
    NODES,
    Command,
    NodeProcess,
    Plan,
    make_plan,
    replay_command,
)

SAVING_S = "120"
"""How long a process may take to end after SIGINT: the agent writes its whole replay memory."""


RESPAWN_S = 2.0
"""Wait before a process is started again; long enough for a program that is done to end all."""


def describe(mode: Mode) -> LaunchDescription:
    """The launch description of train, drive or evaluate."""
    return LaunchDescription(
        [
            *_declared(ARGUMENTS[mode]),
            OpaqueFunction(function=start, args=[mode]),
        ]
    )  # fmt: skip


def describe_replay() -> LaunchDescription:
    """The launch description of replay: one command, no simulator, no node."""

    def replay(context: LaunchContext) -> list[Action]:
        given = context.launch_configurations
        command = _command(replay_command({a.name: given[a.name] for a in REPLAY_ARGUMENTS}))
        return [
            RegisterEventHandler(OnProcessExit(target_action=command, on_exit=_on_exit)), command
        ]  # fmt: skip

    return LaunchDescription([*_declared(REPLAY_ARGUMENTS), OpaqueFunction(function=replay)])


def _declared(arguments: Sequence[Argument]) -> list[Action]:
    return [
        DeclareLaunchArgument(
            argument.name, default_value=argument.default, description=argument.description,
            choices=list(argument.choices) or None,
        )
        for argument in arguments
    ]  # fmt: skip


def start(context: LaunchContext, mode: Mode) -> list[Action]:
    """The actions that the arguments in the context ask for."""
    given = context.launch_configurations
    values = {argument.name: given[argument.name] for argument in ARGUMENTS[mode]}
    return actions(make_plan(mode, values, time.strftime("%Y%m%d-%H%M%S"), uuid4().hex))


def actions(plan: Plan) -> list[Action]:
    """Environment first, then processes; the end of any of them is the end of all."""
    processes = [_node(node, plan.namespace) for node in plan.nodes]
    if plan.supervisor is not None:
        processes.append(_node(plan.supervisor, plan.namespace))
    if plan.composed is not None:
        processes.append(_command(plan.composed))
    now: list[Action] = [*processes]
    if plan.simulator is not None:
        simulator = _command(plan.simulator)
        # The first process is the one that connects.
        now = [_when_ready(simulator, processes[0]), simulator, *processes[1:]]
        processes.append(simulator)
    return [
        *(SetEnvironmentVariable(*item) for item in plan.environment.items()),
        *(
            RegisterEventHandler(OnProcessExit(target_action=process, on_exit=_on_exit))
            for process in processes
        ),
        *now,
        *([] if plan.rviz is None else [_rviz(plan)]),
        *([] if plan.stop_after_s is None else [_stop_after(plan.stop_after_s)]),
    ]


def _when_ready(simulator: ExecuteProcess, client: ExecuteProcess) -> Action:
    """Starts a client of carla-lite when it says that it is ready."""

    def on_stdout(event: ProcessIO) -> Action | None:
        return client if event.text.startswith(b"carla-lite ready") else None

    return RegisterEventHandler(OnProcessIO(target_action=simulator, on_stdout=on_stdout))


def _on_exit(event: ProcessExited, context: LaunchContext) -> Action | None:
    """Shuts all down: with exit code 0 if the process ended well, else with 1.

    A node that ended badly begins anew instead; after too many times the supervisor ends.
    """
    if context.is_shutdown:
        return None
    if event.returncode != 0 and getattr(event.action, "node_executable", "") in NODES:
        return LogInfo(msg=f"{event.process_name} ended with exit code {event.returncode}")
    if event.returncode != 0:
        # launch has no other way to end with an exit code than an exception.
        raise RuntimeError(f"{event.process_name} ended with exit code {event.returncode}")
    return Shutdown(reason=f"{event.process_name} is done")


def _node(node: NodeProcess, namespace: str) -> Node:
    """A node as a process; a managed one that ends badly begins anew, and the supervisor counts."""
    return Node(
        package="td3_driving", executable=node.name, name=node.name, namespace=namespace,
        parameters=list(node.parameters), output="screen", sigterm_timeout=SAVING_S,
        respawn=node.name in NODES, respawn_delay=RESPAWN_S,
    )  # fmt: skip


def _command(command: Command) -> ExecuteProcess:
    executable: Any = ExecutableInPackage(command.executable, command.package)
    return ExecuteProcess(
        cmd=[executable, *command.arguments], name=command.executable, output="screen",
        sigterm_timeout=SAVING_S,
    )  # fmt: skip


def _rviz(plan: Plan) -> Action:
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        return LogInfo(msg="rviz2 is not installed (apt install ros-jazzy-rviz2); going on without")
    return Node(
        package="rviz2", executable="rviz2", name="rviz2", namespace=plan.namespace,
        arguments=["-d", str(config_file("td3_driving.rviz"))],
        # Where things are is asked for at the time of the pictures, which the simulator keeps.
        parameters=[{"use_sim_time": True}],
        remappings=list(plan.rviz or ()),
    )  # fmt: skip


def _stop_after(seconds: float) -> TimerAction:
    return TimerAction(period=seconds, actions=[Shutdown(reason="the time is over")])

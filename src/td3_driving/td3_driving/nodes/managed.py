"""What the four nodes have in common: a managed life, parameters, signs of life, health."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from lifecycle_msgs.msg import State
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from td3_driving.ros import topics
from td3_driving.ros.diagnostics import ERROR, OK, Diagnostics, Health
from td3_driving.ros.parameters import DeclaredParameters
from td3_driving.ros.watch import TopicWatch
from td3_driving_msgs.msg import Heartbeat

P = TypeVar("P")

BEAT_S = 0.25
"""Time between two heartbeats."""
SILENCE_S = 4.0
"""How long a healthy node may be silent on a busy machine; Nav2's bond has the same limit."""
TRANSITION_S = 180.0
"""How long a transition may take: making a learner, or saving it with its memory."""
_SHORT = {
    State.PRIMARY_STATE_UNCONFIGURED: "unconfigured",
    State.PRIMARY_STATE_INACTIVE: "inactive",
}


class ManagedNode(LifecycleNode, Generic[P]):
    """A lifecycle node whose transitions either happen as a whole or not at all.

    A node says what each transition does, in four methods. One that raises refuses it: the node
    logs the error as one sentence, tells it with its heartbeat and its health, keeps it in
    `refusal`, and stays in the state before. What a node creates while it is configured is
    destroyed by cleanup.

    Args:
        name: Of the node.
        parameters: Its dataclass of parameters.
        hardware: What its health is about, as diagnostics name it.
        options: Of rclpy's LifecycleNode.
    """

    def __init__(self, name: str, parameters: type[P], hardware: str, **options: Any) -> None:
        super().__init__(name, **{"namespace": topics.DEFAULT_NAMESPACE, **options})
        self.active = self.configured = False
        self.refusal: Exception | None = None
        self._declared = DeclaredParameters(self, parameters, self._set)
        self._incarnation = time.time_ns() ^ os.getpid()
        self._heartbeat = topics.HEARTBEAT.publisher(self)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(BEAT_S, self.beat, clock=self._steady)
        self._watch = TopicWatch(self)
        self._diagnostics = Diagnostics(self, hardware, self._tell, self._watch.health)

    # --- What a node is ---

    silence_s = SILENCE_S
    """How long the node may be silent while it works."""

    def configure(self, parameters: P) -> None:
        """Makes all that the node needs, from checked parameters; drives nothing yet."""
        raise NotImplementedError

    def activate(self) -> None:
        """Begins to work."""

    def deactivate(self) -> None:
        """Brakes, or whatever else leaves the vehicle safe. Callbacks come, and do nothing."""

    def cleanup(self) -> None:
        """Lets go of all that configure and activate took, but for ROS's own entities."""

    def retune(self, parameters: P) -> None:
        """Takes over changeable parameters while configured."""

    def health(self) -> Health:
        """How the work goes; asked while the node is active."""
        return OK, "active", {}

    # --- Life ---

    @property
    def autostart(self) -> bool:
        """Whether it is to bring itself up; else whoever supervises it does."""
        return self._declared.common.autostart

    @property
    def finalized(self) -> bool:
        """Whether it was shut down for good."""
        return self._state_machine.current_state[0] == State.PRIMARY_STATE_FINALIZED

    def bring_up(self) -> None:
        """Configures and activates in one go, for whoever has the node in the own process.

        Raises:
            Exception: that of the transition that was refused.
        """
        self.require(self.trigger_configure())
        self.require(self.trigger_activate())

    def require(self, result: TransitionCallbackReturn) -> None:
        """Raises why the last transition was refused, if it was."""
        if result != TransitionCallbackReturn.SUCCESS:
            assert self.refusal is not None
            raise self.refusal

    def on_configure(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Checks every parameter, then makes what is needed."""
        return self._attempt("configured", self._configure)

    def on_activate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Begins to work."""
        return self._attempt("activated", self._activate)

    def on_deactivate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Brakes and rests."""
        return self._attempt("deactivated", self._deactivate)

    def on_cleanup(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Leaves everything as it was found."""
        return self._attempt("cleaned up", self._cleanup)

    def on_shutdown(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Deactivates and cleans up, as far as that is still to do."""
        return self._attempt("shut down", self._shutdown)

    def destroy_node(self) -> None:
        """Leaves everything as it was found, then ends."""
        try:
            self._cleanup()
        finally:
            super().destroy_node()

    def beat(self, silence_s: float | None = None) -> None:
        """Gives a sign of life; before something long, with the time that it may take."""
        self._heartbeat.publish(
            Heartbeat(
                node=self.get_name(), incarnation=self._incarnation,
                state=self._state_machine.current_state[0],
                silence_s=self.silence_s if silence_s is None else silence_s,
                refusal="" if self.refusal is None else str(self.refusal),
            )
        )  # fmt: skip

    # --- Inside ---

    def _attempt(self, what: str, do: Callable[[], None]) -> TransitionCallbackReturn:
        self.beat(TRANSITION_S)
        try:
            do()
        except Exception as error:  # whatever it is, the node lives on in the state before
            self.refusal = error
            self.get_logger().error(f"not {what}: {error}")
            return TransitionCallbackReturn.FAILURE
        self.refusal = None
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        self.configured, self._lasting = True, self._entities()
        try:
            self.configure(self._declared.checked())
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                self._cleanup()
            raise

    def _activate(self) -> None:
        self.active = True
        try:
            self.activate()
        except BaseException:
            self.active = False
            raise

    def _deactivate(self) -> None:
        self.active = False
        self.deactivate()

    def _cleanup(self) -> None:
        self.active = False
        if not self.configured:
            return
        self.configured = False
        try:
            self.cleanup()
        finally:
            self._watch.clear()
            for destroy, entity in self._entities() - self._lasting:
                getattr(self, destroy)(entity)

    def _shutdown(self) -> None:
        if self.active:
            self._deactivate()
        self._cleanup()

    def _entities(self) -> set[tuple[str, Any]]:
        """All that the node has created, with the method that destroys it."""
        return {
            *(("destroy_publisher", publisher) for publisher in self.publishers),
            *(("destroy_subscription", subscription) for subscription in self.subscriptions),
            *(("destroy_timer", timer) for timer in self.timers),
            *(("destroy_service", service) for service in self.services),
            *(("destroy_client", client) for client in self.clients),
        }

    def _set(self, parameters: P) -> None:
        if self.configured:
            self.retune(parameters)

    def _tell(self) -> Health:
        if self.active:
            return self.health()
        state = _SHORT.get(self._state_machine.current_state[0], "ending")
        if self.refusal is not None:
            return ERROR, f"{state}: {self.refusal}", {}
        return OK, state, {}

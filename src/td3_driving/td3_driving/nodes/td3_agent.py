"""td3_agent: sees, decides, is rewarded, and learns. This is the ROS side of agent/."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import rclpy.task
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from td3_driving.agent.build import load_driver, make_runner
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.types import Drive, Finished, Reply, Reset, StepReport, Tick
from td3_driving.driving.plausibility import PlausibilityCheck
from td3_driving.driving.route import Route
from td3_driving.learning.errors import LearningError
from td3_driving.ros import topics
from td3_driving.ros.diagnostics import ERROR, OK, WARN, Diagnostics, Health
from td3_driving.ros.markers import agent_markers
from td3_driving.ros.messages import (
    InvalidMessage,
    from_frame,
    from_image,
    from_odometry,
    from_route,
    header,
    to_ns,
    to_traffic,
)
from td3_driving.ros.pairing import StampPairer
from td3_driving.ros.parameters import declare
from td3_driving_msgs.msg import Action, EpisodeStatus
from td3_driving_msgs.srv import ResetEpisode

NS = 1e9


class TD3AgentNode(Node):
    """Takes observation/image, odometry, frame, route, collision and lane_invasion.

    Gives action, episode, markers and /diagnostics; offers save_checkpoint, load_policy and
    set_training; asks the bridge's reset for every episode.

    A tick is handled when all of it is there: the three messages of its stamp, as many events as
    its frame counts, and for an episode's first tick the route of its stamp.

    Args:
        run_config: Parameters of all nodes, kept in the run folder; this node's alone unless given.
        options: Of rclpy's Node.
    """

    WATCH_PERIOD_S = 0.25
    RESET_TIMEOUT_S = 60.0
    ANSWER_LOST_S = 1.0
    RETRY_S = 1.0
    MOST_WAITING = 100
    IMAGE_SHAPE = (84, 84, 4)

    def __init__(
        self, run_config: Mapping[str, Mapping[str, Any]] | None = None, **options: Any
    ) -> None:
        super().__init__("td3_agent", **{"namespace": topics.DEFAULT_NAMESPACE, **options})
        self._settings = declare(self, AgentParameters)
        self.runner = make_runner(self._settings, run_config)
        self.finished = False
        """Whether there is nothing left to drive."""
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._pairer = StampPairer(("frame", "observation", "odometry"))
        self._events: dict[str, defaultdict[int, list[str]]] = {
            "collision": defaultdict(list),
            "lane_invasion": defaultdict(list),
        }
        self._waiting: dict[int, dict[str, Any]] = {}
        self._plausibility = PlausibilityCheck()
        self._route: tuple[int, Route] | None = None
        self._driving: int | None = None
        self._last_step: int | None = None
        self._wanted: Reset | None = None
        self._asked: rclpy.task.Future | None = None
        self._asked_at_ns = 0
        self._retry_at_ns = 0
        self._last_tick_ns = self._steady.now().nanoseconds
        self.invalid = 0

        self._action = topics.ACTION.publisher(self)
        self._status = topics.EPISODE.publisher(self)
        self._markers = topics.MARKERS.publisher(self)
        topics.FRAME.subscription(self, self._guarded("frame", self._pair))
        topics.OBSERVATION.subscription(self, self._guarded("observation", self._on_observation))
        topics.ODOMETRY.subscription(self, self._guarded("odometry", self._on_odometry))
        topics.ROUTE.subscription(self, self._guarded("route", self._on_route))
        topics.COLLISION.subscription(self, self._guarded("collision", self._on_event))
        topics.LANE_INVASION.subscription(self, self._guarded("lane_invasion", self._on_event))
        self._reset = self.create_client(ResetEpisode, topics.RESET.name)
        self.create_service(Trigger, topics.SAVE_CHECKPOINT.name, self._on_save)
        self.create_service(Trigger, topics.LOAD_POLICY.name, self._on_load)
        self.create_service(SetBool, topics.SET_TRAINING.name, self._on_set_training)
        self.create_timer(self.WATCH_PERIOD_S, self._on_watch, clock=self._steady)
        self._diagnostics = Diagnostics(self, "td3", self._health)
        self._do(self.runner.start())

    # --- In ---

    def _guarded(self, name: str, handle: Any) -> Any:
        """A callback that refuses a bad message by name and lives on."""

        def callback(message: Any) -> None:
            try:
                handle(name, message)
            except ValueError as error:
                self.invalid += 1
                self.get_logger().error(f"{name} ignored: {error}", throttle_duration_sec=1.0)

        return callback

    def _on_observation(self, name: str, message: Any) -> None:
        picture = from_image(message)
        if picture.shape != self.IMAGE_SHAPE:
            raise InvalidMessage(f"picture has shape {picture.shape}, must be {self.IMAGE_SHAPE}")
        self._pair(name, message, np.ascontiguousarray(np.moveaxis(picture, -1, 0)))

    def _on_odometry(self, name: str, message: Any) -> None:
        self._pair(name, message, from_odometry(message))

    def _pair(self, name: str, message: Any, value: Any = None) -> None:
        stamp = to_ns(message.header.stamp)
        tick = self._pairer.add(stamp, name, message if value is None else value)
        if tick is not None:
            self._waiting[stamp] = tick
            if len(self._waiting) > self.MOST_WAITING:
                del self._waiting[min(self._waiting)]
            self._handle(stamp)

    def _on_event(self, name: str, message: Any) -> None:
        stamp = to_ns(message.header.stamp)
        self._events[name][stamp].append(getattr(message, "other_actor_type", ""))
        self._handle(stamp)

    def _on_route(self, name: str, message: Any) -> None:
        stamp = to_ns(message.header.stamp)
        self._route = (stamp, from_route(message))
        self._handle(stamp)

    def _handle(self, stamp: int) -> None:
        """Handles the tick of this stamp, if all of it is there."""
        parts = self._waiting.get(stamp)
        if parts is None:
            return
        frame = parts["frame"]
        if (
            len(self._events["collision"][stamp]) < frame.collisions
            or len(self._events["lane_invasion"][stamp]) < frame.lane_invasions
            or (frame.step == 0 and (self._route is None or self._route[0] != stamp))
            # Until the answer has come, this may be the episode that was asked for.
            or self._asked is not None
            # At a fixed rate the second tick may be whole before the first.
            or (frame.step > 0 and frame.episode == self._driving and self._last_step is None)
        ):
            return
        self._waiting = {s: p for s, p in self._waiting.items() if s > stamp}
        hits = tuple(self._events["collision"][stamp])
        for counts in self._events.values():
            for old in [s for s in counts if s <= stamp]:
                del counts[old]
        if frame.episode == self._driving:
            self._require_next(frame)
            self._step(stamp, frame, parts, hits)
            # Only now: the time that we took ourselves is not the simulator's silence.
            self._last_tick_ns = self._steady.now().nanoseconds
        if frame.step == 0:
            self._handle_all()

    def _handle_all(self) -> None:
        for stamp in sorted(self._waiting):
            self._handle(stamp)

    def _require_next(self, frame: Any) -> None:
        """Refuses a step that cannot come now.

        Raises:
            InvalidMessage: it has been handled, or one after it.
        """
        if self._last_step is not None and frame.step <= self._last_step:
            raise InvalidMessage(
                f"step {frame.step} of episode {frame.episode} after step {self._last_step}"
            )
        self._last_step = frame.step

    def _step(self, stamp: int, frame: Any, parts: dict[str, Any], hits: tuple[str, ...]) -> None:
        tick = Tick(
            frame.episode, frame.step, parts["observation"], parts["odometry"], hits,
            *from_frame(frame),
        )  # fmt: skip
        if frame.step == 0:
            self._plausibility.reset()
        implausible = self._plausibility.fault(tick.state, tick.stack[-1])
        if implausible:
            self.get_logger().error(f"{implausible}: the episode is cut off")
            self._do(self.runner.fault(implausible))
            return
        if frame.step == 0:
            assert self._route is not None
            reply: Reply = self.runner.begin(tick, self._route[1])
        else:
            reply, report = self.runner.advance(tick)
            self._publish_report(stamp, report, reply)
        self._do(reply, stamp, frame)

    # --- Out ---

    def _do(self, reply: Reply, stamp: int = 0, frame: Any = None) -> None:
        if isinstance(reply, Drive):
            head = header(stamp, self._base_frame)
            self._action.publish(
                Action(
                    header=head, episode=frame.episode, step=frame.step,
                    steer=reply.steer, acceleration=reply.acceleration,
                )
            )  # fmt: skip
            return
        self._driving = None
        if isinstance(reply, Reset):
            self._wanted = reply
            self._ask_for_reset()
        elif isinstance(reply, Finished):
            self._wanted = None
            self.finished = True

    def _publish_report(self, stamp: int, report: StepReport, reply: Reply) -> None:
        head, terms = header(stamp, "map"), report.terms.values
        self._status.publish(
            EpisodeStatus(
                header=head, episode=report.episode, step=report.step, reward=report.terms.total,
                term_names=list(terms), term_values=list(terms.values()),
                episode_return=report.episode_return, completion=report.completion,
                lateral_m=report.lateral_m, heading_error_rad=report.heading_error_rad,
                terminated=report.terminated, truncated=report.truncated, reason=report.reason,
                infractions=list(report.infractions),
            )
        )  # fmt: skip
        if isinstance(reply, Drive) and self._markers.get_subscription_count():
            self._markers.publish(agent_markers(stamp, self._base_frame, report, reply))

    @property
    def _base_frame(self) -> str:
        return f"{self.get_namespace().rsplit('/', 1)[-1]}/base_link"

    # --- Episodes ---

    def _ask_for_reset(self) -> None:
        assert self._wanted is not None
        now = self._steady.now().nanoseconds
        if not self._reset.service_is_ready():
            self.runner.hold(f"no carla_bridge offers {self._reset.service_name} yet")
            return
        plan = self._wanted.assignment.plan
        request = ResetEpisode.Request(
            seed=plan.seed, map=plan.map, route_start=-1, route_goal=-1,
            start_speed_mps=plan.start_speed_mps, start_lateral_m=plan.start_lateral_m,
            start_heading_rad=plan.start_heading_rad, traffic=to_traffic(self.runner.task.traffic),
        )  # fmt: skip
        self._asked_at_ns = now
        self._asked = self._reset.call_async(request)
        self._asked.add_done_callback(self._guarded("reset", self._on_reset))

    def _on_reset(self, name: str, future: rclpy.task.Future) -> None:
        self._asked = None
        self._last_tick_ns = self._steady.now().nanoseconds
        response = future.result()
        if not response.success:
            self.get_logger().error(
                f"no new episode: {response.message}", throttle_duration_sec=5.0
            )
            self._retry_at_ns = self._last_tick_ns + int(self.RETRY_S * NS)
            self.runner.hold(response.message)
            return
        self._wanted = None
        self._driving, self._last_step = response.episode, None
        self._handle_all()

    def _on_watch(self) -> None:
        """Silence while driving is a fault; a reset without an answer is asked for again."""
        now = self._steady.now().nanoseconds
        if self._driving is not None:
            silent_s = (now - self._last_tick_ns) / NS
            if silent_s > self._settings.silence_s:
                self.get_logger().error(f"no tick for {silent_s:.1f} s: the episode is cut off")
                self._pairer.clear()
                self._waiting.clear()
                self._do(self.runner.fault(f"no tick for {silent_s:.1f} s"))
        elif self._wanted is not None:
            if self._asked is None and now >= self._retry_at_ns:
                self._ask_for_reset()
            elif self._take_unanswered(now):
                self.get_logger().warning("the reset's answer got lost; its episode has begun")
            elif self._asked is not None and now - self._asked_at_ns > self.RESET_TIMEOUT_S * NS:
                self._reset.remove_pending_request(self._asked)
                self._asked = None
                self.runner.hold(f"no answer from {self._reset.service_name}")
                self._ask_for_reset()

    def _take_unanswered(self, now: int) -> bool:
        """Takes an episode that has begun for the answer to the reset, if that does not come.

        DDS may lose a service's answer while its ends are still finding each other.
        """
        begun = [parts["frame"] for parts in self._waiting.values() if parts["frame"].step == 0]
        if self._asked is None or not begun or now - self._asked_at_ns < self.ANSWER_LOST_S * NS:
            return False
        self._reset.remove_pending_request(self._asked)
        self._asked = self._wanted = None
        self._driving, self._last_step = begun[-1].episode, None
        self._last_tick_ns = now
        self._handle_all()
        return True

    # --- Services and health ---

    def _on_save(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self.runner.trainer is None or not self._settings.run_dir:
            response.message = "nothing is learned here, or run_dir is empty"
            return response
        try:
            self.runner.save()
            response.success, response.message = True, f"saved under {self._settings.run_dir}"
        except OSError as error:
            response.message = f"not saved: {error}"
        # Nobody was silent while we were not listening.
        self._last_tick_ns = self._steady.now().nanoseconds
        return response

    def _on_load(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            if self._settings.mode == "train":
                raise ValueError("a run that learns has its own policy; load one in mode drive")
            needs, driver = load_driver(self._settings)
            if needs != self.runner.parameters:
                raise ValueError(
                    f"{self._settings.policy} was trained to see the world differently than the "
                    "policy in force; start the node anew"
                )
            self.runner.set_driver(driver)
            response.success, response.message = True, f"driving with {self._settings.policy}"
        except (ValueError, OSError, LearningError) as error:
            response.message = str(error)
        return response

    def _on_set_training(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        if self.runner.trainer is None:
            response.message = f"mode {self._settings.mode} has no learner"
        else:
            self.runner.trainer.enabled = request.data
            response.success = True
            response.message = "learning" if request.data else "driving without learning"
        return response

    def _health(self) -> Health:
        status, trainer = self.runner.status, self.runner.trainer
        figures: dict[str, Any] = {
            "purpose": status.purpose, "map": status.map, "episodes": status.episodes,
            "ticks": status.ticks, "faults": status.faults, "invalid": self.invalid,
            "unpaired": self._pairer.dropped, "progress": round(status.progress, 4),
        }  # fmt: skip
        if trainer is not None:
            figures |= {
                "decisions": trainer.decisions, "updates": trainer.updates,
                "produced": trainer.ledger.produced, "transitions": trainer.replay.stored,
                **{f"dropped_{why}": count for why, count in trainer.ledger.dropped.items()},
            }  # fmt: skip
            if trainer.alarm:
                return ERROR, trainer.alarm, figures
        if self._driving is None and not self.finished:
            return WARN, f"waiting for an episode: {status.waiting_for or 'asked for'}", figures
        return OK, status.purpose, figures

    def destroy_node(self) -> None:
        """Saves and stops the learner first."""
        try:
            self.runner.close()
        finally:
            super().destroy_node()

    @property
    def refused_because(self) -> str:
        """Why no episode can start; empty while one is driven or being set up."""
        return "" if self._asked is not None else self.runner.status.waiting_for

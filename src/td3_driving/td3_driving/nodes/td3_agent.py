"""td3_agent: sees, decides, is rewarded, and learns. This is the ROS side of agent/."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import rclpy.task

from td3_driving.agent.build import make_runner
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.types import Drive, Finished, Reply, Reset, StepReport, Tick
from td3_driving.driving.plausibility import PlausibilityCheck
from td3_driving.driving.route import Route
from td3_driving.nodes.agent_display import AgentDisplay
from td3_driving.nodes.agent_services import offer_services
from td3_driving.nodes.managed import ManagedNode
from td3_driving.ros import topics
from td3_driving.ros.diagnostics import ERROR, OK, WARN, Health
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
from td3_driving_msgs.msg import Action, EpisodeStatus
from td3_driving_msgs.srv import ResetEpisode

NS = 1e9
LEARNER_S = 60.0
"""How long the node may be silent when it waits for its learner."""


class TD3AgentNode(ManagedNode[AgentParameters]):
    """Takes observation/image, odometry, frame, route, collision and lane_invasion.

    Gives action, episode, markers, steering_values and /diagnostics; offers save_checkpoint,
    load_policy and set_training; asks the bridge's reset for every episode.

    A tick is handled when all of it is there: the three messages of its stamp, as many events as
    its frame counts, and for an episode's first tick the route of its stamp.

    Deactivation cuts the episode off as a fault does: its open decision teaches nothing. Cleanup
    saves what was learned; configured again, the same node goes on with its run.

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
        super().__init__("td3_agent", AgentParameters, "td3", **options)
        self._run_config = run_config
        self._begun = False
        self.finished = False
        """Whether there is nothing left to drive."""

    def configure(self, parameters: AgentParameters) -> None:
        """As ManagedNode.configure: makes the learner, or loads the policy."""
        self._settings = replace(parameters, resume=parameters.resume or self._begun)
        self.runner = make_runner(self._settings, self._run_config)
        self.finished = False
        if self.runner.trainer is not None and parameters.learning == "lock_step":
            # An update is waited for, however long it takes on this machine.
            self.silence_s = LEARNER_S
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
        self._display = AgentDisplay(self, self.runner)
        for topic, name, handle in (
            (topics.FRAME, "frame", self._pair),
            (topics.OBSERVATION, "observation", self._on_observation),
            (topics.ODOMETRY, "odometry", self._on_odometry),
            (topics.ROUTE, "route", self._on_route),
            (topics.COLLISION, "collision", self._on_event),
            (topics.LANE_INVASION, "lane_invasion", self._on_event),
        ):
            self._watch.subscription(topic, self._guarded(name, handle))
        self._reset = self.create_client(ResetEpisode, topics.RESET.name)
        offer_services(self, self.runner, lambda: self._settings, self._forgive)
        self.create_timer(self.WATCH_PERIOD_S, self._on_watch, clock=self._steady)

    def activate(self) -> None:
        """As ManagedNode.activate: asks for an episode."""
        if self._wanted is None:
            self._do(self.runner.start())
        else:
            self._ask_for_reset()

    def deactivate(self) -> None:
        """As ManagedNode.deactivate: cuts the episode off."""
        if self._asked is not None:
            self._reset.remove_pending_request(self._asked)
            self._asked = None
        self._pairer.clear()
        self._waiting.clear()
        if self._driving is not None:
            self._driving = None
            reply = self.runner.pause("deactivated")
            self._wanted = reply if isinstance(reply, Reset) else None
            self.finished = isinstance(reply, Finished)

    def cleanup(self) -> None:
        """As ManagedNode.cleanup: saves and stops the learner."""
        self.runner.close()
        self._display.close()
        self._begun = bool(self._settings.run_dir and self.runner.status.training_ticks)

    def retune(self, parameters: AgentParameters) -> None:
        """As ManagedNode.retune: noise and training at once, the speed with the next episode."""
        self._settings = replace(parameters, resume=self._settings.resume)
        self.runner.retune(self._settings)

    # --- In ---

    def _guarded(self, name: str, handle: Any) -> Any:
        """A callback that refuses a bad message by name and lives on."""

        def callback(message: Any) -> None:
            if not self.active:
                return
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
            self._forgive()
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
        if isinstance(reply, Drive):
            self._display.show(stamp, self._base_frame, report, reply)

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

    def _forgive(self) -> None:
        """Nobody was silent while we were not listening."""
        self._last_tick_ns = self._steady.now().nanoseconds

    def _on_watch(self) -> None:
        """Silence while driving is a fault; a reset without an answer is asked for again."""
        now = self._steady.now().nanoseconds
        if not self.active:
            return
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

    # --- Health ---

    def health(self) -> Health:
        """As ManagedNode.health."""
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

    @property
    def refused_because(self) -> str:
        """Why no episode can start; empty while one is driven or being set up."""
        return "" if self._asked is not None else self.runner.status.waiting_for

"""carla_bridge: the simulator on one side, the graph on the other."""

from __future__ import annotations

import time
from typing import Any

from rosgraph_msgs.msg import Clock as ClockMessage

from td3_driving.nodes import bridge_messages as messages
from td3_driving.nodes.bridge_carla_msgs import CarlaMessages
from td3_driving.nodes.bridge_commands import CommandIntake
from td3_driving.nodes.bridge_parameters import BridgeParameters
from td3_driving.nodes.bridge_transforms import Transforms
from td3_driving.nodes.managed import TRANSITION_S, ManagedNode
from td3_driving.nodes.running import run_node
from td3_driving.ros import topics
from td3_driving.ros.diagnostics import ERROR, OK, WARN, Health
from td3_driving.ros.messages import (
    LIGHT_NUMBERS,
    NOBODY_AHEAD,
    InvalidMessage,
    from_traffic,
    header,
    to_ns,
    to_time,
)
from td3_driving.simulator import (
    BRAKE,
    CarlaSession,
    Command,
    EpisodeStart,
    ResetRequest,
    RouteError,
    SimulatorError,
    Tick,
    UnknownMap,
    VersionMismatch,
)
from td3_driving_msgs.msg import Frame, VehicleControl
from td3_driving_msgs.srv import ResetEpisode

_VERSION_RETRY_S = 15.0


class CarlaBridge(ManagedNode[BridgeParameters]):
    """Takes vehicle_control_cmd and the service reset; gives all that the simulator has to say.

    In lock_step a tick happens when the command that answers the newest frame has arrived, and
    only then. In fixed_rate the wall's clock ticks, with the newest command, or with the brake
    when none came for command_timeout_s.

    A lost simulator ends the episode and is connected to again, ever more patiently. Until the
    next reset commands are ignored, and frames (fixed_rate only) carry episode 0.

    Activation connects; deactivation brakes until the vehicle stands, and ends the episode; cleanup
    leaves the simulator as it was found.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("carla_bridge", BridgeParameters, "simulator", **options)

    def configure(self, parameters: BridgeParameters) -> None:
        """As ManagedNode.configure; the simulator is not touched yet."""
        self._settings = parameters
        self._session = CarlaSession(parameters.session())
        # A new map is waited for twice: to be loaded, and to show its first tick.
        self._patience_s = 2.0 * self._session.config.map_timeout_s + TRANSITION_S
        self._lock_step = parameters.mode == "lock_step"
        self._intake = CommandIntake(self._lock_step, parameters.command_timeout_s)
        self._map = parameters.map
        self._applied = Command()
        self._episode = self._last_episode = self._step = self._seed = 0
        self._fault = "not connected yet"
        self._retry_s = parameters.retry_min_s
        self.ticks = self.resets = self.losses = self.refused = 0

        self._base_link = messages.base_link(parameters.role_name)
        self._rgb_front = messages.rgb_front(parameters.role_name)
        self._camera_info = messages.camera_info(self._session.config.camera)
        self._out = {
            topic.name: topic.publisher(self)
            for topic in (
                topics.CLOCK, topics.FRAME, topics.IMAGE, topics.CAMERA_INFO, topics.ODOMETRY,
                topics.ROUTE, topics.COLLISION, topics.LANE_INVASION, topics.IMU, topics.GNSS,
            )
        }  # fmt: skip
        self._transforms = Transforms(self, parameters)
        self._carla_messages = CarlaMessages(self)
        self._watch.subscription(topics.VEHICLE_CONTROL, self._on_command)
        self.create_service(topics.RESET.type, topics.RESET.name, self._on_reset)
        # Wall time: /clock stands still when the simulator does.
        self._retry = self.create_timer(0.0, self._connect, clock=self._steady)
        self._retry.cancel()
        if not self._lock_step:
            self.create_timer(parameters.fixed_delta_s, self._on_rate, clock=self._steady)

    def activate(self) -> None:
        """As ManagedNode.activate: connects soon, unless it still is connected."""
        if not self._session.connected:
            self._retry.timer_period_ns = 0
            self._retry.reset()

    def deactivate(self) -> None:
        """As ManagedNode.deactivate: brakes until the vehicle stands."""
        self._retry.cancel()
        self._end_episode()
        if self._session.connected:
            try:
                self._session.halt()
            except SimulatorError as error:
                self._lose(error)

    def cleanup(self) -> None:
        """As ManagedNode.cleanup: leaves the simulator as it was found."""
        self._session.close()

    def _connect(self) -> None:
        self._retry.cancel()
        self.beat(self._patience_s)
        try:
            self._session.connect()
        except SimulatorError as error:
            self._lose(error)
            return
        self._fault, self._retry_s = "", self._settings.retry_min_s
        self.get_logger().info(f"connected, on map {self._session.map_name}")
        self._diagnostics.publish()

    def _lose(self, error: SimulatorError) -> None:
        """End the episode, let go of the simulator, and try again later."""
        self._end_episode()
        self._session.close()
        self.losses += self._fault == ""
        wait_s = _VERSION_RETRY_S if isinstance(error, VersionMismatch) else self._retry_s
        self._retry_s = min(2.0 * self._retry_s, self._settings.retry_max_s)
        self._fault = str(error)
        if self.active:
            self.get_logger().error(f"{error}; next attempt in {wait_s:.1f} s")
            self._retry.timer_period_ns = int(wait_s * 1e9)
            self._retry.reset()
        self._diagnostics.publish()

    def _end_episode(self) -> None:
        self._episode = self._step = 0
        self._intake.forget()

    def _on_command(self, message: VehicleControl) -> None:
        if not self.active:
            return
        try:
            stamp_ns = to_ns(message.header.stamp)
        except InvalidMessage as error:
            self.refused += 1
            self.get_logger().error(f"command ignored: {error}", throttle_duration_sec=1.0)
            return
        if not self._intake.accept(stamp_ns, self._command(message), time.monotonic()):
            return
        if self._lock_step:
            self._tick()

    def _command(self, message: VehicleControl) -> Command:
        """The message as a command; the brake when it is none."""
        try:
            return Command(
                message.throttle,
                message.steer,
                message.brake,
                message.hand_brake,
                message.reverse,
            )
        except ValueError as error:
            self.refused += 1
            self.get_logger().error(f"braking instead of: {error}", throttle_duration_sec=1.0)
            return BRAKE

    def _on_rate(self) -> None:
        if self.active and self._session.connected:
            self._tick()

    def _tick(self) -> None:
        self._applied = self._intake.current(time.monotonic())
        try:
            tick = self._session.tick(self._applied)
        except SimulatorError as error:
            self._lose(error)
            return
        self._step += 1
        self.ticks += 1
        self._publish(tick)

    def _on_reset(
        self, request: ResetEpisode.Request, response: ResetEpisode.Response
    ) -> ResetEpisode.Response:
        if not self.active:
            response.message = "carla_bridge is not active; activate it first"
            return response
        self._end_episode()
        self.beat(self._patience_s)
        try:
            start = self._session.reset(
                ResetRequest(
                    seed=request.seed,
                    map=request.map or self._map,
                    route_start=request.route_start,
                    route_goal=request.route_goal,
                    start_speed_mps=request.start_speed_mps,
                    start_lateral_m=request.start_lateral_m,
                    start_heading_rad=request.start_heading_rad,
                    traffic=from_traffic(request.traffic),
                )
            )
        except (ValueError, UnknownMap, RouteError) as error:
            response.message = str(error)
        except SimulatorError as error:
            if self._fault:
                response.message = f"{self._fault}; trying again to connect"
            else:
                self._lose(error)
                response.message = str(error)
        else:
            self._begin(start, request.seed)
            response.success = True
            response.episode = self._episode
            response.stamp = to_time(messages.stamp_ns(start.tick))
        if response.message:
            self.get_logger().warning(f"reset refused: {response.message}")
        return response

    def _begin(self, start: EpisodeStart, seed: int) -> None:
        self.resets += 1
        self._last_episode += 1
        self._episode, self._seed = self._last_episode, seed
        self._map = start.map
        head = header(messages.stamp_ns(start.tick), messages.MAP)
        self._out["route"].publish(messages.route(start.route, head))
        self._applied = Command()
        self._publish(start.tick)

    def _publish(self, tick: Tick) -> None:
        """Publish the tick; the frame comes last, since it says what else there is."""
        stamp_ns = messages.stamp_ns(tick)
        in_map = header(stamp_ns, messages.MAP)
        in_body = header(stamp_ns, self._base_link)
        in_camera = header(stamp_ns, self._rgb_front)
        self._intake.frame(stamp_ns)
        out = self._out
        out["/clock"].publish(ClockMessage(clock=in_map.stamp))
        for collision in tick.collisions:
            out["collision"].publish(messages.collision(collision, in_body))
        for invasion in tick.lane_invasions:
            out["lane_invasion"].publish(messages.lane_invasion(invasion, in_body))
        odometry = messages.odometry(tick, in_map, self._base_link)
        out["odometry"].publish(odometry)
        self._transforms.publish(odometry)
        self._carla_messages.publish(tick, self._applied, in_map)
        out["rgb_front/image"].publish(messages.image(tick, in_camera))
        if self._heard("rgb_front/camera_info"):
            self._camera_info.header = in_camera
            out["rgb_front/camera_info"].publish(self._camera_info)
        if self._heard("imu"):
            out["imu"].publish(messages.imu(tick, in_body))
        if self._heard("gnss"):
            out["gnss"].publish(messages.gnss(tick, in_body))
        out["frame"].publish(
            Frame(
                header=in_map,
                episode=self._episode,
                step=self._step,
                seed=self._seed,
                collisions=len(tick.collisions),
                lane_invasions=len(tick.lane_invasions),
                light=LIGHT_NUMBERS[tick.light],
                gap_m=NOBODY_AHEAD if tick.gap_m is None else tick.gap_m,
            )
        )

    def _heard(self, topic: str) -> bool:
        """Whether anybody listens; rclpy takes 50 us to publish to nobody."""
        return self._out[topic].get_subscription_count() > 0

    def health(self) -> Health:
        """As ManagedNode.health."""
        figures: dict[str, object] = {
            "map": self._session.map_name,
            "episode": self._episode,
            "step": self._step,
            "ticks": self.ticks,
            "resets": self.resets,
            "connections_lost": self.losses,
            "images_dropped": self._session.dropped_images,
            "commands_refused": self.refused,
            **{f"commands_{why}": count for why, count in self._intake.ignored.items()},
        }
        if self._fault:
            return ERROR, self._fault, figures
        if not self._episode:
            return OK, "waiting for a reset", figures
        if not self._lock_step and self._intake.silent(time.monotonic()):
            return WARN, "no fresh command: braking", figures
        return OK, "driving", figures


def main() -> int:
    """Runs the node."""
    return run_node(CarlaBridge)

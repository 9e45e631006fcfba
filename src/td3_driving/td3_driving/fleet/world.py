"""One world of the fleet: a vehicle, its camera, the others, and the episode that is driven."""

from __future__ import annotations

import numpy as np

from carla_lite.world import SpawnError, World
from td3_driving.agent.types import Tick
from td3_driving.driving.action import to_command
from td3_driving.driving.camera import CameraConfig
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.frames import Pose
from td3_driving.driving.gate import CommandGate, GateLimits
from td3_driving.driving.lights import Light
from td3_driving.driving.picture import FrameStack, grey_84
from td3_driving.driving.route import Route
from td3_driving.driving.start import SETTLING_TICKS, has_arrived, one_tick_before, start_pose
from td3_driving.driving.tasks import DrivingTask
from td3_driving.driving.traffic import gap_ahead
from td3_driving.fleet.car import FleetCar
from td3_driving.fleet.maps import MapStore
from td3_driving.fleet.traffic import FleetTraffic

ROUTE_M = 400.0
"""Length of the routes, as the bridge plans them."""


class FleetWorld:
    """Drives one vehicle, one episode after the other; the bridge, perception and control in one.

    Args:
        task: Says the action repeat and the traffic.
        camera: Of the vehicle.
        maps: Where maps come from.
    """

    def __init__(self, task: DrivingTask, camera: CameraConfig, maps: MapStore) -> None:
        self._task, self._camera, self._maps = task, camera, maps
        self._gate = CommandGate(GateLimits())
        self._stack = FrameStack(4, 1)
        self._world: World | None = None
        self._route: Route | None = None
        self._s_m = 0.0
        self._episode = self._step = 0
        self._seen = np.zeros(0, np.uint8)

    def reset(self, plan: EpisodePlan, episode: int) -> tuple[Tick, Route]:
        """Starts an episode, see FleetWorlds.reset."""
        prepared = self._maps.get(plan.map)
        if self._world is None or plan.map != self._world.map_name:
            self._world = world = prepared.original.twin()
            self._traffic = FleetTraffic(world, self._task.traffic)
            self._car = FleetCar(world, "ego_vehicle", self._camera)
        planned = prepared.planner.plan(plan.seed, -1, -1, ROUTE_M)
        self._route = route = Route(planned.points)
        self._traffic.make_way(route, plan.seed)
        start = start_pose(planned.start, plan.start_lateral_m, plan.start_heading_rad)
        self._put(start, plan)
        self._gate.reset()
        self._episode, self._step, self._s_m = episode, 0, 0.0
        return self._tick(hits=()), route

    def step(self, steer: float, acceleration: float) -> Tick:
        """Drives one tick; each argument in [-1, 1]."""
        if self._world is None:
            raise ValueError("a world is driven before its first reset; call reset first")
        command = to_command(steer, acceleration)
        command, _ = self._gate.filter(command, 0.0, self._world.delta_s)
        self._traffic.act()
        self._car.command(command)
        self._advance()
        self._step += 1
        return self._tick(self._car.hits())

    def _put(self, start: Pose, plan: EpisodePlan) -> None:
        """Puts the vehicle so that it is at its start now, as CarlaSession does."""
        assert self._world is not None
        car, speed_mps = self._car, plan.start_speed_mps
        behind = one_tick_before(start, speed_mps, self._world.delta_s)
        car.place(behind, 0.0)
        for _ in range(SETTLING_TICKS):
            self._advance()
            if has_arrived(car.pose(), behind):
                break
        else:
            raise SpawnError(
                f"the vehicle did not arrive at its start ({behind.x:.1f}, {behind.y:.1f}) on "
                f"{self._world.map_name}; is another vehicle standing there?"
            )
        self._traffic.enter(plan.seed)
        car.place(behind, speed_mps)
        self._advance()

    def _advance(self) -> None:
        assert self._world is not None
        self._traffic.step()
        self._world.tick()

    def _tick(self, hits: tuple[str, ...]) -> Tick:
        car, route, traffic = self._car, self._route, self._task.traffic
        assert self._world is not None and route is not None
        state = car.state(self._step * self._world.delta_s)
        # Between two decisions nobody looks.
        if self._step % self._task.action_repeat == 0:
            small = grey_84(car.picture(), "bgra8")
            self._seen = self._stack.push(small, first=self._step == 0)
        gap_m = None
        if self._traffic.anybody:
            position = route.locate(state.x_m, state.y_m, state.yaw_rad, near_s_m=self._s_m)
            self._s_m = position.s_m
            gap_m = gap_ahead(route, self._s_m, car.others())
        light = car.light() if traffic.lights else Light.NONE
        return Tick(self._episode, self._step, self._seen, state, hits, light, gap_m)

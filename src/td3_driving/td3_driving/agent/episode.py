"""One episode as it is driven: where the vehicle is, what each tick earns, and when it ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from td3_driving.agent.types import Assignment, Sight, StepReport, Tick
from td3_driving.driving.infractions import InfractionCounter, collision_kind
from td3_driving.driving.lights import Light, RedLightWatch
from td3_driving.driving.observation import vector
from td3_driving.driving.reward import reward_function
from td3_driving.driving.reward_terms import RewardTerms, TickFacts, average
from td3_driving.driving.route import Route
from td3_driving.driving.tasks import DrivingTask
from td3_driving.driving.termination import AT_FAULT, Ending, EpisodeEnd, EpisodeMonitor
from td3_driving.driving.vehicle import VehicleState
from td3_driving.driving.waypoint_noise import WaypointNoise
from td3_driving.evaluation.records import EpisodeRecord, Infraction

_QUEUE_M = 8.0
"""Whoever stands this close behind somebody is waiting, not stuck."""


class EpisodeInProgress:
    """Follows one episode from its first tick.

    Args:
        task: What is seen and earned, and what ends it.
        assignment: What is driven.
        route: Its path.
        first: The tick that the reset led to.
    """

    def __init__(
        self, task: DrivingTask, assignment: Assignment, route: Route, first: Tick
    ) -> None:
        self.assignment = assignment
        self.route = route
        self.number = first.episode
        self._task = task
        self._reward = reward_function(task.reward)
        # Waypoints seen through a GPS's drift change with the episode, the same for the same plan.
        self._noise = WaypointNoise(task.waypoints, assignment.plan.seed)
        state = first.state
        self._place(state, near_s_m=0.0)
        plan = assignment.plan
        rules = replace(task.ends, time_limit_s=plan.duration_s, distance_m=plan.distance_m)
        self._monitor = EpisodeMonitor(rules, state, self._position)
        self._red_lights = RedLightWatch()
        self._red_lights.update(self._light_of(first), 0.0)
        self._counter = InfractionCounter()
        self._begun: list[str] = []
        self._tick = first
        self._steer = 0.0
        self._dt_s = 0.0
        self._decision: list[RewardTerms] = []
        self._track: list[tuple[float, ...]] = []
        self.xy: list[tuple[float, float]] = [(state.x_m, state.y_m)]
        self.speeds_mps = [state.speed_mps]
        self.episode_return = 0.0
        self.term_sums: dict[str, float] = {}
        self.infractions: list[Infraction] = []
        self.ending: Ending | None = None

    @property
    def steps(self) -> int:
        """Ticks since the reset."""
        return self._tick.step

    @property
    def last_stack(self) -> np.ndarray:
        """uint8 (4, 84, 84) of the newest tick."""
        return self._tick.stack

    @property
    def planned_m(self) -> float:
        """The distance that makes the episode complete."""
        if self.assignment.plan.distance_m is not None:
            return self.assignment.plan.distance_m
        return self._task.target_speed_mps * self.assignment.plan.duration_s

    @property
    def completion(self) -> float:
        """Share of the planned distance driven, in [0, 1]."""
        return min(max(self._monitor.driven_m / self.planned_m, 0.0), 1.0)

    @property
    def at_decision(self) -> bool:
        """Whether the next tick needs a new decision."""
        return self._tick.step % self._task.action_repeat == 0

    def see(self) -> Sight:
        """What a driver may look at now. Call it once per decision: the waypoint noise moves on."""
        state, exact = self._tick.state, self._waypoints
        seen = self._noise.apply(exact, state.yaw_rad, self._dt_s * self._task.action_repeat)
        return Sight(self._tick.stack, vector(state, self._steer, seen), state, exact)

    def advance(self, tick: Tick, steer: float, last: bool = False) -> StepReport:
        """Takes the tick that `steer` led to, and says what it earned.

        A truncation waits for the end of a decision, so that what is stored last is a whole one;
        but for `last`, the tick with which the run's budget is used up.
        """
        # To the microsecond: the same step, however long the simulator has been running.
        self._dt_s = round(tick.state.stamp_s - self._tick.state.stamp_s, 6)
        self._tick = tick
        state = tick.state
        self._place(state, near_s_m=self._monitor.s_m)
        position = self._position
        light = self._light_of(tick)
        queueing = tick.gap_m is not None and tick.gap_m < _QUEUE_M
        ending = self._monitor.update(
            state,
            position,
            tick.hits,
            self._red_lights.update(light, state.speed_mps),
            waiting=queueing or light in (Light.RED, Light.YELLOW),
        )
        self._note_infractions(tick)
        if ending is not None and (ending.terminated or self.at_decision):
            self.ending = ending
        if last and self.ending is None:
            self.ending = Ending(EpisodeEnd.TIME_LIMIT, "end of the run")
        terms = self._reward(
            TickFacts(
                position.speed_along_mps(state),
                position.lateral_m,
                position.heading_error_rad,
                steer - self._steer,
                self.ending is not None and self.ending.terminated,
                tick.gap_m,
                light is Light.RED,
                self.ending is not None and self.ending.reason in AT_FAULT,
            ),
            self._task.reward_parameters,
        )
        self._steer = steer
        self._decision.append(terms)
        self._track.append(
            (
                position.s_m, position.lateral_m, position.heading_error_rad, state.speed_mps,
                state.yaw_rate_radps, steer, state.x_m, state.y_m,
                state.yaw_rad,
            )
        )  # fmt: skip
        self.xy.append((state.x_m, state.y_m))
        self.speeds_mps.append(state.speed_mps)
        self.episode_return += terms.total
        for name, value in terms.values.items():
            self.term_sums[name] = self.term_sums.get(name, 0.0) + value
        return self._report(terms)

    def _place(self, state: VehicleState, near_s_m: float) -> None:
        """Works out where the vehicle is, and what of its route lies ahead."""
        route, task = self.route, self._task
        self._position = route.locate(state.x_m, state.y_m, state.yaw_rad, near_s_m)
        self._waypoints = route.waypoints_ahead(
            state, self._position.s_m, task.waypoint_count, task.waypoint_spacing_m
        )

    def _light_of(self, tick: Tick) -> Light:
        """The light in force, as far as lights count."""
        return tick.light if self._task.traffic.lights else Light.NONE

    def _note_infractions(self, tick: Tick) -> None:
        kinds = [kind for kind in self._monitor.broken if kind != EpisodeEnd.COLLISION.value]
        kinds += [collision_kind(hit) for hit in tick.hits]
        self._begun = self._counter.update(kinds, tick.state.stamp_s)
        self.infractions += [Infraction(kind, self._monitor.elapsed_s) for kind in self._begun]

    def fail(self, detail: str) -> None:
        """Ends the episode from outside, by a fault."""
        self.ending = Ending(EpisodeEnd.FAULT, detail)

    def take_reward(self) -> float:
        """The reward of the decision whose ticks are over; clears them."""
        total = average(self._decision).total
        self._decision.clear()
        return total

    def record(self) -> EpisodeRecord | None:
        """The driven episode for the metrics; None if it ended before its first tick."""
        if not self._track or self.ending is None:
            return None
        s_m, lateral_m, heading_rad, speed_mps, yaw_rate, steer, x_m, y_m, yaw = np.array(
            self._track
        ).T
        return EpisodeRecord(
            s_m, lateral_m, heading_rad, speed_mps, yaw_rate, steer, x_m, y_m, yaw,
            tick_s=self._dt_s,
            distance_m=self.planned_m,
            target_speed_mps=self._task.target_speed_mps,
            reason=self.ending.reason,
            infractions=tuple(self.infractions),
        )  # fmt: skip

    def _report(self, terms: RewardTerms) -> StepReport:
        ending, position = self.ending, self._position
        return StepReport(
            episode=self.number,
            step=self._tick.step,
            terms=terms,
            episode_return=self.episode_return,
            completion=self.completion,
            lateral_m=position.lateral_m,
            heading_error_rad=position.heading_error_rad,
            terminated=ending is not None and ending.terminated,
            truncated=ending is not None and ending.truncated,
            reason=ending.reason.value if ending is not None else "",
            waypoints=self._waypoints,
            infractions=tuple(self._begun),
        )  # fmt: skip

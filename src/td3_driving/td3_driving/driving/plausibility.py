"""What no vehicle and no camera does by itself: such a tick is a fault, and must not teach."""

from __future__ import annotations

import math

import numpy as np

from td3_driving.driving.vehicle import VehicleState

FROZEN_AFTER_S = 0.5
"""How long a moving vehicle's camera may show the same picture, to the last bit."""

FROZEN_FROM_MPS = 2.0
JUMP_MARGIN_M = 3.0
"""What a collision, or the simulator's rounding, may add to the way that follows from the speed."""


class PlausibilityCheck:
    """Compares each tick of an episode with those before. Pure; time comes with the stamps."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets what was before: an episode begins, and the vehicle was put somewhere else."""
        self._last: VehicleState | None = None
        self._picture: np.ndarray | None = None
        self._same_since_s = 0.0

    def fault(self, state: VehicleState, picture: np.ndarray) -> str:
        """What is wrong with a tick, in words; empty if nothing is.

        Args:
            state: the vehicle's.
            picture: uint8, the newest that was seen; kept until the next call.
        """
        jump = self._jump(state)
        frozen_s = self._frozen_for(state, picture)
        if jump:
            return jump
        if frozen_s > FROZEN_AFTER_S:
            return f"the camera shows the same picture for {frozen_s:.2f} s, though the car moves"
        return ""

    def _jump(self, state: VehicleState) -> str:
        last, self._last = self._last, state
        if last is None:
            return ""
        passed_s = abs(state.stamp_s - last.stamp_s)
        moved_m = math.hypot(state.x_m - last.x_m, state.y_m - last.y_m)
        fastest_mps = max(
            math.hypot(each.speed_mps, each.lateral_speed_mps) for each in (last, state)
        )
        possible_m = fastest_mps * passed_s + JUMP_MARGIN_M
        if moved_m <= possible_m:
            return ""
        return (
            f"odometry jumped {moved_m:.1f} m in {passed_s:.2f} s; {possible_m:.1f} m is the most"
        )

    def _frozen_for(self, state: VehicleState, picture: np.ndarray) -> float:
        same = self._picture is not None and np.array_equal(picture, self._picture)
        if not same or abs(state.speed_mps) < FROZEN_FROM_MPS:
            self._picture, self._same_since_s = picture, state.stamp_s
        return state.stamp_s - self._same_since_s

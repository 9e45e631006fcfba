"""How one vehicle moves, compiled; see `carla_lite.world.dynamics`."""

from libc.math cimport ceil, cos, exp, fabs, fmax, fmin, sin, tan

cdef enum:
    X, Y, YAW, SPEED, WHEEL, YAW_RATE


cdef inline double slow_down(double speed, double deceleration, double dt) noexcept nogil:
    """Takes speed away without ever turning it round."""
    if speed > 0.0:
        return fmax(0.0, speed - deceleration * dt)
    return fmin(0.0, speed + deceleration * dt)


def advance(
    double[::1] state,
    const double[::1] physics,
    double throttle,
    double steer,
    double brake,
    bint hand_brake,
    bint reverse,
    double duration_s,
    double max_substep_s,
):
    """Moves one vehicle on by `duration_s`, in equal substeps, in place."""
    cdef double wheelbase = physics[0], max_angle = physics[1], steering_lag = physics[2]
    cdef double yaw_lag = physics[3], lateral_limit = physics[4], acceleration = physics[5]
    cdef double top_speed = physics[6], brake_rate = physics[7], hand_brake_rate = physics[8]
    cdef double rolling = physics[9], drag = physics[10]
    cdef int substeps = max(1, <int>ceil(duration_s / max_substep_s - 1e-9))
    cdef double dt = duration_s / substeps
    cdef double steering_share = 1.0 - exp(-dt / steering_lag)
    cdef double yaw_share = 1.0 - exp(-dt / yaw_lag)
    cdef double direction = -1.0 if reverse else 1.0
    cdef double speed, push, resistance, yaw_rate, grip, middle
    cdef int i
    for i in range(substeps):
        state[WHEEL] += (steer * max_angle - state[WHEEL]) * steering_share
        speed = state[SPEED]
        push = fmax(0.0, 1.0 - direction * speed / top_speed)
        speed += direction * throttle * acceleration * push * dt
        resistance = rolling + drag * speed * speed + brake * brake_rate
        if hand_brake:
            resistance += hand_brake_rate
        speed = slow_down(speed, resistance, dt)
        state[SPEED] = speed

        yaw_rate = speed * tan(state[WHEEL]) / wheelbase
        grip = lateral_limit / fmax(fabs(speed), 0.1)
        yaw_rate = fmin(fmax(yaw_rate, -grip), grip)
        state[YAW_RATE] += (yaw_rate - state[YAW_RATE]) * yaw_share
        middle = state[YAW] + 0.5 * state[YAW_RATE] * dt
        state[X] += speed * cos(middle) * dt
        state[Y] += speed * sin(middle) * dt
        state[YAW] += state[YAW_RATE] * dt

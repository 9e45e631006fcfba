"""How bodies move, compiled; see `carla_lite.world.dynamics`."""

from libc.math cimport atan2, ceil, cos, exp, fabs, fmax, fmin, sin, sqrt, tan

from carla_lite.world._body cimport (
    MAX_SPEED,
    MAX_SPIN,
    TABLE_POINTS,
    VEHICLE,
    WALKER,
    Body,
    rest_height,
    rows_of,
    within,
)

BODY_BYTES = sizeof(Body)

cdef double GRAVITY = 9.81
cdef double SLIDING = 0.6 * GRAVITY
cdef double JUMP_SPEED = 4.2


cdef inline double slow_down(double speed, double deceleration, double dt) noexcept nogil:
    """Takes speed away without ever turning it round."""
    if speed > 0.0:
        return fmax(0.0, speed - deceleration * dt)
    return fmin(0.0, speed + deceleration * dt)


cdef inline double look_up(const double* table, double share) noexcept nogil:
    """A table's value at a share (0 to 1) of its range, beyond which it stays the same."""
    cdef double place = fmin(fmax(share, 0.0), 1.0) * (TABLE_POINTS - 1)
    cdef int low = <int>fmin(place, TABLE_POINTS - 2)
    return table[low] + (table[low + 1] - table[low]) * (place - low)


cdef inline void slide(Body* body, double deceleration, double dt) noexcept nogil:
    """Dry friction against the whole motion, which ends together in all directions."""
    cdef double fast = sqrt(body.speed * body.speed + body.slip * body.slip)
    cdef double left = fmax(0.0, fast - deceleration * dt)
    if fast > 0.0:
        body.speed *= left / fast
        body.slip *= left / fast


cdef inline double gyration(const Body* body) noexcept nogil:
    """Metres at which friction, at the limit, turns the body."""
    return body.inertia / (body.mass * 0.35 * (body.half[0] + body.half[1]))


cdef inline void turn(Body* body, double angle) noexcept nogil:
    """Turns the body while its motion goes on the way it went."""
    cdef double c = cos(angle), s = sin(angle)
    cdef double speed = body.speed
    body.speed = speed * c + body.slip * s
    body.slip = body.slip * c - speed * s
    body.yaw += angle


cdef inline void move(Body* body, double heading, double dt) noexcept nogil:
    body.x += body.speed * cos(heading) * dt
    body.y += body.speed * sin(heading) * dt
    if body.slip != 0.0:
        body.x -= body.slip * sin(heading) * dt
        body.y += body.slip * cos(heading) * dt


cdef void receive(Body* body) noexcept nogil:
    """Takes what has pushed since the last tick."""
    cdef double c = cos(body.yaw), s = sin(body.yaw)
    cdef double vx = body.impulse[0] / body.mass, vy = body.impulse[1] / body.mass
    cdef int i
    body.speed = within(body.speed + vx * c + vy * s, MAX_SPEED)
    body.slip = within(body.slip + vy * c - vx * s, MAX_SPEED)
    body.climb = within(body.climb + body.impulse[2] / body.mass, MAX_SPEED)
    body.spin = within(body.spin + body.moment / body.inertia, MAX_SPIN)
    for i in range(3):
        body.impulse[i] = 0.0
    body.moment = 0.0
    if body.kind == WALKER and not body.invincible:
        body.fallen = 1


cdef bint fly(Body* body, double duration) noexcept nogil:
    """Lets a body in the air fall or float; false when it stands on the road."""
    cdef double ground = rest_height(body)
    if body.gravity:
        if body.climb == 0.0:
            body.z = ground
            body.pitch_deg = body.roll_deg = 0.0
            return False
        body.climb -= GRAVITY * duration
        if body.climb == 0.0:
            body.climb = -1e-9  # at the top of its flight, not on the road
    body.z += body.climb * duration
    if body.z > ground:
        return True
    body.z, body.climb = ground, 0.0
    return False


cdef void glide(Body* body, double duration) noexcept nogil:
    """No wheel touches the road: it goes on as it went."""
    cdef double heading = body.yaw
    move(body, heading, duration)
    turn(body, (body.yaw_rate + body.spin) * duration)


cdef void drive(Body* body, double duration, double max_substep) noexcept nogil:
    cdef int substeps = <int>fmax(1.0, ceil(duration / max_substep - 1e-9))
    cdef double dt = duration / substeps
    cdef double steering_share = 1.0 - exp(-dt / body.steering_lag)
    cdef double yaw_share = 1.0 - exp(-dt / body.yaw_lag)
    cdef double direction = -1.0 if body.reverse else 1.0
    cdef double speed, push, resistance, yaw_rate, grip, middle, steer
    cdef int i
    for i in range(substeps):
        steer = body.steer
        if body.has_steering:
            steer *= look_up(body.steering, fabs(body.speed) / body.steer_speed)
        body.wheel += (steer * body.max_angle - body.wheel) * steering_share
        speed = body.speed
        if body.held:
            speed = body.constant[0]
        else:
            if body.has_drive:
                push = look_up(body.drive, fmax(0.0, direction * speed) / body.table_speed)
                speed += direction * body.throttle * push * dt
            else:
                push = fmax(0.0, 1.0 - direction * speed / body.top_speed)
                speed += direction * body.throttle * body.push * push * dt
            resistance = body.rolling + body.drag * speed * speed + body.brake * body.brake_rate
            if body.hand_brake:
                resistance += body.hand_brake_rate
            speed = slow_down(speed, resistance, dt)
        body.speed = speed
        body.rolled += speed * dt

        yaw_rate = speed * tan(body.wheel) / body.wheelbase
        grip = body.lateral_limit / fmax(fabs(speed), 0.1)
        yaw_rate = fmin(fmax(yaw_rate, -grip), grip)
        body.yaw_rate += (yaw_rate - body.yaw_rate) * yaw_share
        middle = body.yaw + 0.5 * body.yaw_rate * dt
        move(body, middle, dt)
        body.yaw += body.yaw_rate * dt
        if body.held:
            body.slip = body.constant[1]
        elif body.slip != 0.0:
            body.slip = slow_down(body.slip, body.lateral_limit, dt)
        if body.spin != 0.0:
            turn(body, body.spin * dt)
            body.spin = slow_down(body.spin, body.lateral_limit / gyration(body), dt)


cdef void walk(Body* body, double duration) noexcept nogil:
    cdef double flat = sqrt(body.way[0] * body.way[0] + body.way[1] * body.way[1])
    if body.fallen:
        slide_along(body, duration)
        return
    body.yaw_rate = body.spin = body.slip = 0.0
    body.speed = 0.0
    if body.held:
        body.speed, body.slip = body.constant[0], body.constant[1]
    elif flat > 1e-6 and body.pace > 0.0:
        body.yaw = atan2(body.way[1], body.way[0])
        body.speed = body.pace
    move(body, body.yaw, duration)


cdef void slide_along(Body* body, double duration) noexcept nogil:
    """A fallen walker or a prop: friction brings it to rest."""
    if body.held:
        body.speed, body.slip = body.constant[0], body.constant[1]
    else:
        slide(body, SLIDING, duration)
    move(body, body.yaw, duration)
    if body.spin != 0.0:
        turn(body, body.spin * duration)
        body.spin = slow_down(body.spin, SLIDING / gyration(body), duration)


def advance(unsigned char[::1] rows, int count, double duration, double max_substep):
    """Moves all bodies on by `duration` seconds, in place."""
    cdef Body* body = rows_of(rows)
    cdef int i
    for i in range(count):
        if body.physics:
            if (
                body.impulse[0] != 0.0
                or body.impulse[1] != 0.0
                or body.impulse[2] != 0.0
                or body.moment != 0.0
            ):
                receive(body)
            if body.jump and body.kind == WALKER and body.climb == 0.0:
                body.climb = JUMP_SPEED
                body.jump = 0
            if body.held and body.constant[2] != 0.0:
                body.climb = body.constant[2]
            if body.kind == VEHICLE:
                if fly(body, duration):
                    glide(body, duration)
                else:
                    drive(body, duration, max_substep)
            elif fly(body, duration):
                glide(body, duration)
            elif body.kind == WALKER:
                walk(body, duration)
            else:
                slide_along(body, duration)
        body += 1

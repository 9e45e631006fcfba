"""One row of `carla_lite.world.bodies.BODY`, as compiled code sees it: the same fields in order."""

from libc.math cimport fmax, fmin


cdef enum Kind:
    PROP, VEHICLE, WALKER

cdef enum:
    TABLE_POINTS = 33

cdef struct Body:
    # State: metres, m/s, radians; `speed` and `slip` lie along and across the body.
    double x, y, yaw, speed, wheel, yaw_rate, slip, spin, z, climb
    double pitch_deg, roll_deg, rolled
    double before[3]
    double acceleration[3]
    # What pushes during the next tick: N s and kg m^2 rad/s.
    double impulse[3]
    double moment
    double constant[3]
    # The command in force.
    double throttle, steer, brake
    double way[3]
    double pace
    # Figures.
    double wheelbase, max_angle, steering_lag, yaw_lag, lateral_limit, push, top_speed
    double brake_rate, hand_brake_rate, rolling, drag, mass, inertia
    double centre[3]
    double half[3]
    double table_speed, steer_speed
    double drive[TABLE_POINTS]
    double steering[TABLE_POINTS]
    float speed_limit
    int gear
    unsigned int id, parent, light_id, lights, record
    unsigned char kind, physics, gravity, collides, held, fallen, invincible, jump, jumping
    unsigned char hand_brake, reverse, manual_gear
    unsigned char has_drive, has_steering, light_state, at_light, failure, active
    unsigned char spare[2]


cdef enum:
    MAX_SPEED = 200  # m/s
    MAX_SPIN = 63  # rad/s


cdef inline double within(double value, double limit) noexcept nogil:
    """The value, or the nearer end of +-limit."""
    return fmin(fmax(value, -limit), limit)


cdef inline Body* rows_of(unsigned char[::1] rows) noexcept:
    """The rows behind an array of bytes."""
    return <Body*>&rows[0]


cdef inline double rest_height(const Body* body) noexcept nogil:
    """Where its origin is when it stands on the road."""
    return body.half[2] - body.centre[2]

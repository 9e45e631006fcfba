"""What leaves the rows of bodies every tick, compiled: snapshot records and solids."""

from libc.math cimport cos, fmax, fmin, fmod, sin

from carla_lite.world._body cimport VEHICLE, WALKER, Body, rows_of

cdef double DEGREES = 57.29577951308232
cdef double FAR_M = 999_000.0

# As `carla_lite.scenery.solids` and CARLA's VehicleLightState number them.
cdef enum:
    LAMP_BRAKE = 1, LAMP_LOW_BEAM = 2, LAMP_REVERSE = 4, LAMP_LEFT = 8, LAMP_RIGHT = 16
    SET_BEAMS = 2 | 4, SET_BRAKE = 8, SET_RIGHT = 16, SET_LEFT = 32, SET_REVERSE = 64


cdef packed struct VehicleState:
    float throttle, steer, brake
    unsigned char hand_brake, reverse, manual_gear
    int gear
    float speed_limit
    unsigned char light_state, at_light
    unsigned int light_id
    unsigned char failure


cdef packed struct WalkerState:
    float way[3]
    float pace
    unsigned char jump


cdef packed struct Record:
    unsigned int id
    unsigned char active
    float transform[6]
    float velocity[3]
    float spin[3]
    float acceleration[3]
    unsigned char state[54]


cdef packed struct Solid:
    float centre[3]
    float half[3]
    float heading[2]
    unsigned char bgr[3]
    unsigned char material, shape, tag, variant, lights
    unsigned int id


RECORD_BYTES = sizeof(Record)
SOLID_BYTES = sizeof(Solid)


cdef inline double wrap_deg(double angle) noexcept nogil:
    """As `geometry.wrap_deg`, whose remainder is never negative."""
    cdef double rest = fmod(angle + 180.0, 360.0)
    return (rest + 360.0 if rest < 0.0 else rest) - 180.0


cdef void fill_state(const Body* body, Record* record) noexcept nogil:
    cdef VehicleState* car
    cdef WalkerState* walker
    cdef int i
    if body.kind == VEHICLE:
        car = <VehicleState*>record.state
        car.throttle, car.steer, car.brake = body.throttle, body.steer, body.brake
        car.hand_brake, car.reverse = body.hand_brake, body.reverse
        car.manual_gear, car.gear = body.manual_gear, body.gear
        car.speed_limit = body.speed_limit
        car.light_state, car.at_light = body.light_state, body.at_light
        car.light_id, car.failure = body.light_id, body.failure
    elif body.kind == WALKER:
        walker = <WalkerState*>record.state
        for i in range(3):
            walker.way[i] = body.way[i]
        walker.pace, walker.jump = body.pace, body.jumping


def write_records(
    unsigned char[::1] rows, int count, unsigned char[::1] records, double duration
):
    """Writes each body's record and works out its acceleration over the last `duration` seconds.

    A duration of 0 leaves the accelerations as they are.
    """
    cdef Body* body
    cdef Record* record
    cdef double c, s
    cdef double velocity[3]
    cdef int i, k
    if count == 0:
        return
    body = rows_of(rows)
    for i in range(count):
        record = <Record*>&records[body.record * sizeof(Record)]
        c, s = cos(body.yaw), sin(body.yaw)
        velocity[0], velocity[1] = body.speed * c, body.speed * s
        if body.slip != 0.0:
            velocity[0] -= body.slip * s
            velocity[1] += body.slip * c
        velocity[2] = body.climb
        record.id, record.active = body.id, 1
        record.transform[0], record.transform[1], record.transform[2] = body.x, body.y, body.z
        record.transform[3] = body.pitch_deg
        record.transform[4] = wrap_deg(body.yaw * DEGREES)
        record.transform[5] = body.roll_deg
        for k in range(3):
            if duration > 0.0:
                body.acceleration[k] = (velocity[k] - body.before[k]) / duration
                body.before[k] = velocity[k]
            record.velocity[k] = velocity[k]
            record.acceleration[k] = body.acceleration[k]
        record.spin[0] = record.spin[1] = 0.0
        record.spin[2] = (body.yaw_rate + body.spin) * DEGREES
        fill_state(body, record)
        body += 1


cdef inline unsigned char lamps_of(const Body* body) noexcept nogil:
    cdef unsigned char lamps = 0
    if body.kind != VEHICLE:
        return 0
    if body.brake > 0.0 or body.lights & SET_BRAKE:
        lamps |= LAMP_BRAKE
    if body.lights & SET_BEAMS:
        lamps |= LAMP_LOW_BEAM
    if body.reverse or body.lights & SET_REVERSE:
        lamps |= LAMP_REVERSE
    if body.lights & SET_LEFT:
        lamps |= LAMP_LEFT
    if body.lights & SET_RIGHT:
        lamps |= LAMP_RIGHT
    return lamps


cdef inline float in_sight(double metres) noexcept nogil:
    """Within what cameras take for a place, however far a body has driven or been thrown."""
    return <float>fmin(fmax(metres, -FAR_M), FAR_M)


def place_solids(
    unsigned char[::1] rows, const int[::1] owners, const unsigned char[::1] parts,
    unsigned char[::1] out,
):
    """Puts parts where their bodies are.

    Args:
        rows: the bodies.
        owners: int32 (K,), the index of each part's body; parts of one body follow each other.
        parts: the K parts in their bodies' frames.
        out: room for as many, written.
    """
    cdef Body* bodies
    cdef Body* body
    cdef const Solid* part
    cdef Solid* solid
    cdef double c = 1.0, s = 0.0
    cdef unsigned char lamps = 0
    cdef int i, last = -1
    if owners.shape[0] == 0:
        return
    bodies = rows_of(rows)
    body = bodies
    part = <const Solid*>&parts[0]
    solid = <Solid*>&out[0]
    for i in range(owners.shape[0]):
        if owners[i] != last:
            last = owners[i]
            body = &bodies[last]
            c, s = cos(body.yaw), sin(body.yaw)
            lamps = lamps_of(body)
        solid[0] = part[0]
        solid.centre[0] = in_sight(body.x + c * part.centre[0] - s * part.centre[1])
        solid.centre[1] = in_sight(body.y + s * part.centre[0] + c * part.centre[1])
        solid.centre[2] = in_sight(body.z + part.centre[2])
        solid.heading[0], solid.heading[1] = c, s
        solid.lights, solid.id = lamps, body.id
        part += 1
        solid += 1

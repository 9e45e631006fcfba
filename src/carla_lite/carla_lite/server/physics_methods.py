"""RPC methods about what moves bodies: velocities, pushes, figures, lights, wheels and walkers."""

import math

from carla_lite.server import codec, physics_codec
from carla_lite.server.codec import Wire
from carla_lite.server.methods import MethodTable, Reply
from carla_lite.server.simulation import Simulation
from carla_lite.world import Vector3
from carla_lite.world.body import Body
from carla_lite.world.vehicle import Vehicle

TABLE = MethodTable()
_value = TABLE.method()
_void = TABLE.method(Reply.VOID)

_ALL_DOORS = 6
_DOORS = (0, 1, 2, 3, _ALL_DOORS)
_WHEELS = range(4)


def _body(simulation: Simulation, actor_id: Wire) -> Body:
    return simulation.world.population.body(codec.decode_int(actor_id, "actor id"))


def _vehicle(simulation: Simulation, actor_id: Wire) -> Vehicle:
    return simulation.world.population.vehicle(codec.decode_int(actor_id, "actor id"))


def _number_of(value: Wire, known: tuple[int, ...] | range, what: str) -> int:
    number = codec.decode_int(value, what)
    if number not in known:
        raise codec.BadArgumentError(f"{what} {number} is none; there are {tuple(known)}")
    return number


# Velocities


@_void
def set_actor_target_velocity(simulation: Simulation, actor_id: Wire, velocity: Wire) -> None:
    """Sets a body moving."""
    _body(simulation, actor_id).set_target_velocity(codec.decode_vector(velocity, "velocity"))


@_void
def set_actor_target_angular_velocity(
    simulation: Simulation, actor_id: Wire, velocity: Wire
) -> None:
    """Sets a body turning."""
    _body(simulation, actor_id).set_target_angular_velocity(
        codec.decode_vector(velocity, "angular velocity")
    )


@_void
def enable_actor_constant_velocity(simulation: Simulation, actor_id: Wire, velocity: Wire) -> None:
    """Holds a velocity in the body's own frame."""
    _body(simulation, actor_id).enable_constant_velocity(codec.decode_vector(velocity, "velocity"))


@_void
def disable_actor_constant_velocity(simulation: Simulation, actor_id: Wire) -> None:
    """Lets it go again."""
    _body(simulation, actor_id).enable_constant_velocity(None)


@_void
def set_actor_simulate_physics(simulation: Simulation, actor_id: Wire, enabled: Wire) -> None:
    """Freezes a body or lets it go; what is no body is frozen anyway."""
    simulation.world.set_simulate_physics(
        codec.decode_int(actor_id, "actor id"), codec.decode_bool(enabled, "enabled")
    )


@_void
def set_actor_enable_gravity(simulation: Simulation, actor_id: Wire, enabled: Wire) -> None:
    """Lets a body float or fall."""
    _body(simulation, actor_id).enable_gravity = codec.decode_bool(enabled, "enabled")


@_void
def set_actor_collisions(simulation: Simulation, actor_id: Wire, enabled: Wire) -> None:
    """Makes a body one that nothing bumps into, or takes that back."""
    _body(simulation, actor_id).collides = codec.decode_bool(enabled, "enabled")


# Pushes. A force acts for one tick, as in CARLA.


@_void
def add_actor_impulse(simulation: Simulation, actor_id: Wire, impulse: Wire) -> None:
    """N s in the world's frame, at the middle of the body."""
    _body(simulation, actor_id).add_impulse(codec.decode_vector(impulse, "impulse"))


@_void
def add_actor_impulse_at_location(
    simulation: Simulation, actor_id: Wire, impulse: Wire, location: Wire
) -> None:
    """N s in the world's frame, at a place in the world."""
    _body(simulation, actor_id).add_impulse(
        codec.decode_vector(impulse, "impulse"), codec.decode_vector(location, "location")
    )


@_void
def add_actor_force(simulation: Simulation, actor_id: Wire, force: Wire) -> None:
    """N in the world's frame during the next tick, at the middle of the body."""
    push = _over_a_tick(simulation, codec.decode_vector(force, "force"))
    _body(simulation, actor_id).add_impulse(push)


@_void
def add_actor_force_at_location(
    simulation: Simulation, actor_id: Wire, force: Wire, location: Wire
) -> None:
    """N in the world's frame during the next tick, at a place in the world."""
    push = _over_a_tick(simulation, codec.decode_vector(force, "force"))
    _body(simulation, actor_id).add_impulse(push, codec.decode_vector(location, "location"))


@_void
def add_actor_angular_impulse(simulation: Simulation, actor_id: Wire, impulse: Wire) -> None:
    """kg m^2 deg/s about z."""
    _body(simulation, actor_id).add_angular_impulse(codec.decode_vector(impulse, "impulse"))


@_void
def add_actor_torque(simulation: Simulation, actor_id: Wire, torque: Wire) -> None:
    """kg m^2 deg/s^2 about z during the next tick.

    Known from batches: the client's own `add_torque` calls `add_actor_angular_impulse`.
    """
    push = _over_a_tick(simulation, codec.decode_vector(torque, "torque"))
    _body(simulation, actor_id).add_angular_impulse(push)


def _over_a_tick(simulation: Simulation, vector: Vector3) -> Vector3:
    delta_s = simulation.world.delta_s
    return Vector3(vector.x * delta_s, vector.y * delta_s, vector.z * delta_s)


# Vehicles


@_void
def apply_ackermann_control_to_vehicle(
    simulation: Simulation, actor_id: Wire, control: Wire
) -> None:
    """In force until the next plain control."""
    _vehicle(simulation, actor_id).apply_ackermann(physics_codec.decode_ackermann(control))


@_value
def get_ackermann_controller_settings(simulation: Simulation, actor_id: Wire) -> Wire:
    """Gains."""
    settings = _vehicle(simulation, actor_id).ackermann_settings
    return [
        settings.speed_kp,
        settings.speed_ki,
        settings.speed_kd,
        settings.accel_kp,
        settings.accel_ki,
        settings.accel_kd,
    ]


@_void
def apply_ackermann_controller_settings(
    simulation: Simulation, actor_id: Wire, settings: Wire
) -> None:
    """Changes the gains."""
    vehicle = _vehicle(simulation, actor_id)
    vehicle.ackermann_settings = physics_codec.decode_ackermann_settings(settings)


@_value
def get_physics_control(simulation: Simulation, actor_id: Wire) -> Wire:
    """How it drives."""
    return physics_codec.encode_physics(_vehicle(simulation, actor_id))


@_void
def apply_physics_control(simulation: Simulation, actor_id: Wire, control: Wire) -> None:
    """Changes how it drives; see `carla_lite.world.physics_control`."""
    vehicle = _vehicle(simulation, actor_id)
    vehicle.physics_control = physics_codec.decode_physics(control, vehicle)


@_value
def get_telemetry_data(simulation: Simulation, actor_id: Wire) -> Wire:
    """What its dials show."""
    return physics_codec.encode_telemetry(_vehicle(simulation, actor_id))


@_void
def show_vehicle_debug_telemetry(simulation: Simulation, actor_id: Wire, enabled: Wire) -> None:
    """Accepted: there is no window to show it in."""
    _vehicle(simulation, actor_id)
    codec.decode_bool(enabled, "enabled")


@_value
def get_wheel_steer_angle(simulation: Simulation, actor_id: Wire, wheel: Wire) -> Wire:
    """Degrees."""
    return _vehicle(simulation, actor_id).wheel_steer_angle(_number_of(wheel, _WHEELS, "wheel"))


@_void
def set_wheel_steer_direction(
    simulation: Simulation, actor_id: Wire, wheel: Wire, angle: Wire
) -> None:
    """Makes a wheel look turned while physics is off."""
    number = _number_of(wheel, _WHEELS, "wheel")
    _vehicle(simulation, actor_id).show_wheel(
        number, steer_deg=codec.decode_number(angle, "wheel angle")
    )


@_value
def get_wheel_pitch_angle(simulation: Simulation, actor_id: Wire, wheel: Wire) -> Wire:
    """Degrees that it has rolled."""
    return _vehicle(simulation, actor_id).wheel_pitch_angle(_number_of(wheel, _WHEELS, "wheel"))


@_void
def set_wheel_pitch_angle(simulation: Simulation, actor_id: Wire, wheel: Wire, angle: Wire) -> None:
    """Makes a wheel look rolled while physics is off."""
    number = _number_of(wheel, _WHEELS, "wheel")
    _vehicle(simulation, actor_id).show_wheel(
        number, pitch_deg=codec.decode_number(angle, "wheel angle")
    )


@_void
def open_vehicle_door(simulation: Simulation, actor_id: Wire, door: Wire) -> None:
    """Accepted: no blueprint here has doors that move, as `has_dynamic_doors` says."""
    _vehicle(simulation, actor_id)
    _number_of(door, _DOORS, "door")


@_void
def close_vehicle_door(simulation: Simulation, actor_id: Wire, door: Wire) -> None:
    """Accepted, as opening is."""
    open_vehicle_door(simulation, actor_id, door)


@_void
def set_vehicle_light_state(simulation: Simulation, actor_id: Wire, lights: Wire) -> None:
    """Lights that cameras see: brake, low beam, reverse, blinkers."""
    (flags,) = codec.decode_list(lights, 1, "light state")
    set_lights(simulation, actor_id, flags)


def set_lights(simulation: Simulation, actor_id: Wire, lights: Wire) -> None:
    """The same as a batch has it, where the flags travel without a list around them."""
    number = codec.decode_int(lights, "light state")
    if not 0 <= number < 2**32:
        raise codec.BadArgumentError(f"light state {number} is no 32-bit number")
    _vehicle(simulation, actor_id).lights = number


@_value
def get_vehicle_light_state(simulation: Simulation, actor_id: Wire) -> Wire:
    """As it was set."""
    return [_vehicle(simulation, actor_id).lights]


@_value
def get_vehicle_light_states(simulation: Simulation) -> Wire:
    """Those of all vehicles."""
    return [[vehicle.id, vehicle.lights] for vehicle in simulation.world.population.vehicles]


# Walkers


@_void
def apply_control_to_walker(simulation: Simulation, actor_id: Wire, control: Wire) -> None:
    """In force until the next one."""
    walker = simulation.world.population.walker(codec.decode_int(actor_id, "actor id"))
    walker.control = physics_codec.decode_walker_control(control).checked()


def set_walker_state(simulation: Simulation, actor_id: Wire, transform: Wire, speed: Wire) -> None:
    """Puts a walker somewhere, walking; a command of batches only."""
    walker = simulation.world.population.walker(codec.decode_int(actor_id, "actor id"))
    pace = codec.decode_number(speed, "speed")
    if not math.isfinite(pace):
        raise codec.BadArgumentError(f"speed of a walker is {pace}; it must be finite")
    simulation.world.set_transform(walker.id, codec.decode_transform(transform))
    walker.set_state(walker.transform, pace)

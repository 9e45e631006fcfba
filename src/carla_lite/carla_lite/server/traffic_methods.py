"""RPC methods about traffic: lights, their times, cycles and boxes; who drives by script."""

from carla_lite.server import codec
from carla_lite.server.codec import BadArgumentError, Wire
from carla_lite.server.methods import MethodTable, Reply
from carla_lite.server.simulation import Simulation
from carla_lite.world.traffic_control import TrafficControl
from carla_lite.world.traffic_lights import LightState, TrafficLight

MAX_TRAFFIC = 500
"""Of vehicles, and of pedestrians, that a client may ask for."""

TABLE = MethodTable()
_value = TABLE.method()
_void = TABLE.method(Reply.VOID)


def _control(simulation: Simulation) -> TrafficControl:
    return simulation.world.traffic_control


def _light(simulation: Simulation, actor_id: Wire) -> TrafficLight:
    return _control(simulation).light(codec.decode_int(actor_id, "actor id"))


@_void
def set_traffic_light_state(simulation: Simulation, actor_id: Wire, state: Wire) -> None:
    """Holds until the cycle next switches this light."""
    number = codec.decode_int(state, "traffic light state")
    try:
        wanted = LightState(number)
    except ValueError:
        raise BadArgumentError(
            f"traffic light state {number} is none of "
            + ", ".join(f"{each.value} ({each.name.lower()})" for each in LightState)
        ) from None
    _control(simulation).set_state(_light(simulation, actor_id).id, wanted)


@_void
def set_traffic_light_green_time(simulation: Simulation, actor_id: Wire, seconds: Wire) -> None:
    """For all lights of the same turn."""
    time_s = codec.decode_number(seconds, "green time")
    _control(simulation).set_times(_light(simulation, actor_id).id, green_s=time_s)


@_void
def set_traffic_light_yellow_time(simulation: Simulation, actor_id: Wire, seconds: Wire) -> None:
    """For all lights of the same turn."""
    time_s = codec.decode_number(seconds, "yellow time")
    _control(simulation).set_times(_light(simulation, actor_id).id, yellow_s=time_s)


@_void
def set_traffic_light_red_time(simulation: Simulation, actor_id: Wire, seconds: Wire) -> None:
    """For all lights of the same turn."""
    time_s = codec.decode_number(seconds, "red time")
    _control(simulation).set_times(_light(simulation, actor_id).id, red_s=time_s)


@_void
def freeze_traffic_light(simulation: Simulation, actor_id: Wire, frozen: Wire) -> None:
    """Stops or restarts the cycle of its junction."""
    group = _light(simulation, actor_id).group
    _control(simulation).freeze(codec.decode_bool(frozen, "frozen"), [group])


@_void
def freeze_all_traffic_lights(simulation: Simulation, frozen: Wire) -> None:
    """Stops or restarts all cycles."""
    _control(simulation).freeze(codec.decode_bool(frozen, "frozen"))


@_void
def reset_traffic_light_group(simulation: Simulation, actor_id: Wire) -> None:
    """Begins the cycle of its junction anew."""
    _control(simulation).reset([_light(simulation, actor_id).group])


@_void
def reset_all_traffic_lights(simulation: Simulation) -> None:
    """Begins all cycles anew."""
    _control(simulation).reset()


@_value
def get_group_traffic_lights(simulation: Simulation, actor_id: Wire) -> Wire:
    """Ids of the lights of its junction, its own included."""
    return [light.id for light in _light(simulation, actor_id).group.lights]


@_value
def get_light_boxes(simulation: Simulation, actor_id: Wire) -> Wire:
    """Boxes of its heads, in the world's frame."""
    light = _light(simulation, actor_id)
    return [codec.encode_box(box, light.id) for box in _control(simulation).light_boxes(light.id)]


@_value
def lite_traffic(simulation: Simulation, vehicles: Wire, pedestrians: Wire, seed: Wire) -> Wire:
    """Not CARLA's: replaces the scripted traffic and begins all cycles of lights anew.

    Returns [vehicles, pedestrians]: how many there was room for. They are actors at once, and move
    with the next tick.
    """
    counts = codec.decode_int(vehicles, "vehicles"), codec.decode_int(pedestrians, "pedestrians")
    for name, count in zip(("vehicles", "pedestrians"), counts, strict=True):
        if not 0 <= count <= MAX_TRAFFIC:
            raise BadArgumentError(f"{name}: {count} is out of range; use 0 to {MAX_TRAFFIC}")
    number = codec.decode_int(seed, "seed")
    if not 0 <= number < 2**63:
        raise BadArgumentError(f"seed: {number} is out of range; use 0 to 2**63 - 1")
    return list(simulation.replace_traffic(*counts, number))

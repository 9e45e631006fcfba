"""Batches: many commands in one call, each with a response of its own.

A command is [[index, fields]]; but for spawning, its fields begin with the id of an actor.
"""

import inspect
import logging
from collections.abc import Callable

from carla_lite.server import actor_methods, codec, physics_methods, traffic_methods
from carla_lite.server.codec import BadArgumentError, Wire
from carla_lite.server.methods import MethodTable, Reply, fail, succeed
from carla_lite.server.simulation import Simulation
from carla_lite.world import WorldError

TABLE = MethodTable()
_log = logging.getLogger(__name__)


@TABLE.method(Reply.VOID)
def set_actor_autopilot(simulation: Simulation, actor_id: Wire, enabled: Wire) -> None:
    """Accepted: the Traffic Manager, which drives, lives in the client and knows already."""
    simulation.world.population.vehicle(codec.decode_int(actor_id, "actor id"))
    codec.decode_bool(enabled, "autopilot")


_SPAWN, _DESTROY, _CONSOLE = 0, 1, 20
_COMMANDS: dict[int, Callable[..., object]] = {
    2: actor_methods.apply_control_to_vehicle,
    3: physics_methods.apply_ackermann_control_to_vehicle,
    4: physics_methods.apply_control_to_walker,
    5: physics_methods.apply_physics_control,
    6: actor_methods.set_actor_transform,
    7: physics_methods.set_walker_state,
    8: physics_methods.set_actor_target_velocity,
    9: physics_methods.set_actor_target_angular_velocity,
    10: physics_methods.add_actor_impulse,
    11: physics_methods.add_actor_force,
    12: physics_methods.add_actor_angular_impulse,
    13: physics_methods.add_actor_torque,
    14: physics_methods.set_actor_simulate_physics,
    15: physics_methods.set_actor_enable_gravity,
    16: set_actor_autopilot,
    17: physics_methods.show_vehicle_debug_telemetry,
    18: physics_methods.set_lights,
    19: actor_methods.set_actor_location,
    21: traffic_methods.set_traffic_light_state,
}
_FIELDS = {index: len(inspect.signature(call).parameters) - 1 for index, call in _COMMANDS.items()}


@TABLE.method(Reply.BARE)
def apply_batch(simulation: Simulation, commands: Wire, do_tick: Wire) -> Wire:
    """Runs commands in order; each has a response of its own, an actor id or an error."""
    return [_answer(simulation, item) for item in codec.decode_list(commands, None, "commands")]


def _answer(simulation: Simulation, item: Wire) -> Wire:
    try:
        return succeed(_run(simulation, item, new_id=0))
    except (WorldError, BadArgumentError) as error:
        return fail(str(error))
    except Exception as error:  # a fault of ours, which costs this command alone
        _log.exception("a command of a batch failed")
        return fail(f"internal error of carla-lite in a batch: {error}")


def _run(simulation: Simulation, item: Wire, new_id: int) -> int:
    """One command; `new_id` stands in for the id 0 of an actor which the batch just spawned."""
    (command,) = codec.decode_list(item, 1, "command")
    index, fields = codec.decode_list(command, 2, "command")
    if index == _SPAWN:
        return _spawn(simulation, fields)
    if index == _CONSOLE:
        raise BadArgumentError("unsupported: console_command")
    first, *rest = codec.decode_list(fields, None, "command fields") or [None]
    actor_id = codec.decode_int(first, "actor id") or new_id
    if index == _DESTROY:
        actor_methods.destroy_actor(simulation, actor_id)
        return actor_id
    call = _COMMANDS.get(index) if isinstance(index, int) else None
    if call is None:
        raise BadArgumentError(f"there is no command {index} in a batch")
    if 1 + len(rest) != _FIELDS[index]:
        raise BadArgumentError(
            f"command {index} takes {_FIELDS[index]} fields, not {1 + len(rest)}"
        )
    call(simulation, actor_id, *rest)
    return actor_id


def _spawn(simulation: Simulation, fields: Wire) -> int:
    """Spawns, and then runs what is to be done after; as in CARLA, that may fail in silence."""
    description, transform, parent, attachment, socket, followers = codec.decode_list(
        fields, 6, "spawn command"
    )
    maybe = codec.decode_list(parent, None, "parent")
    parent_id = maybe[1] if len(maybe) == 2 and maybe[0] else 0
    after = codec.decode_list(followers, None, "do_after")
    spawned = actor_methods.spawn_actor_with_parent(
        simulation, description, transform, parent_id, attachment, socket
    )
    actor_id: int = spawned[0]
    for follower in after:
        _run_after(simulation, follower, actor_id)
    return actor_id


def _run_after(simulation: Simulation, follower: Wire, actor_id: int) -> None:
    try:
        _run(simulation, follower, new_id=actor_id)
    except (WorldError, BadArgumentError) as error:
        _log.warning("after spawning actor %d: %s", actor_id, error)

"""The blueprint library, and actors made from it."""

from carla_lite.world.actors import Actor, Attachment, Sensor
from carla_lite.world.blueprints import Blueprint
from carla_lite.world.body import Body
from carla_lite.world.errors import SpawnError
from carla_lite.world.geometry import Transform
from carla_lite.world.prop_blueprints import PROPS
from carla_lite.world.sensor_blueprints import LISTED_ONLY, SENSORS
from carla_lite.world.vehicle import Vehicle
from carla_lite.world.vehicle_blueprints import VEHICLES
from carla_lite.world.walker import Walker
from carla_lite.world.walker_blueprints import CONTROLLER, WALKERS

BLUEPRINTS: dict[str, Blueprint] = {
    blueprint.id: blueprint for blueprint in (*VEHICLES, *WALKERS, CONTROLLER, *PROPS, *SENSORS)
}


def find_blueprint(type_id: str) -> Blueprint:
    """The blueprint with this id.

    Raises:
        SpawnError: there is none, or it is only listed.
    """
    blueprint = BLUEPRINTS.get(type_id)
    if blueprint is None:
        raise SpawnError(
            f"blueprint {type_id!r} not found; "
            "world.get_blueprint_library() lists what can be spawned"
        )
    if type_id in LISTED_ONLY:
        raise SpawnError(f"unsupported: {type_id}")
    return blueprint


def make_actor(
    actor_id: int,
    blueprint: Blueprint,
    place: Transform,
    attributes: dict[str, str],
    parent_id: int,
    mount: Transform,
    attachment: Attachment,
) -> Actor:
    """An actor of the blueprint's kind, not yet in any world."""
    type_id = blueprint.id
    common = (actor_id, type_id, place, attributes, blueprint, parent_id, mount, attachment)
    if blueprint.physics is not None:
        return Vehicle(*common, physics=blueprint.physics)
    if type_id.startswith("sensor."):
        return Sensor(*common, period_s=float(attributes.get("sensor_tick", "0")))
    if type_id.startswith("walker."):
        return Walker(*common)
    return Body(*common) if blueprint.mass_kg else Actor(*common)

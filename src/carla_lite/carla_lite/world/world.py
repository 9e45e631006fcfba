"""One simulated world: a map, the actors on it and the passing of time. Needs no socket."""

from collections.abc import Collection, Iterable
from functools import cached_property

import numpy as np

from carla_lite.render import Quality, Scene
from carla_lite.roads import RoadNetwork, make_map
from carla_lite.scenery import Solids, furnish
from carla_lite.world.actors import Actor, Attachment, Sensor
from carla_lite.world.blueprint_library import find_blueprint, make_actor
from carla_lite.world.body import Body
from carla_lite.world.collisions import Collider, Collision, Obstacles
from carla_lite.world.debug import DebugShapes
from carla_lite.world.dynamics import VehicleControl, advance
from carla_lite.world.environment import EpisodeSettings, Weather, visible_conditions
from carla_lite.world.errors import SpawnError, WorldError, WrongActorKindError
from carla_lite.world.geo import GeoReference
from carla_lite.world.geometry import (
    Rotation,
    Transform,
    Vector3,
    check_transform,
    compose,
)
from carla_lite.world.memory import release_free_memory
from carla_lite.world.population import Population
from carla_lite.world.prepared import PreparedMap, prepare
from carla_lite.world.sensor_blueprints import CAMERAS
from carla_lite.world.sensors import Instrument, Reading, make_instrument
from carla_lite.world.sensors.budget import check_budget
from carla_lite.world.snapshot import WorldSnapshot, snapshot_of
from carla_lite.world.surroundings import StreetLamp, Surroundings
from carla_lite.world.traffic_control import TrafficControl


class World:
    """A map with everything on it.

    The same map, seed and sequence of calls give the same states and pictures, byte for byte.

    Attributes:
        map_name: such as "LiteCircuit_1".
        network: its roads; `network.spawn_points` says where vehicles may start.
        episode_id: changes with every map load.
        frame: counts ticks and never goes back, also across map loads.
        elapsed_s: simulated time since the episode began.
        settings: change them with `apply_settings`.
        weather: change it with `set_weather`.
        population: everyone in it, the spectator included.
        traffic_control: the map's lights and signs.
        debug: what clients drew into it.
        collisions: what the last tick's contacts did to whom.
        due: the sensors which have a reading for the last tick.
    """

    def __init__(
        self,
        map_name: str = "LiteCircuit_1",
        seed: int = 0,
        *,
        fps: float = 20.0,
        first_episode_id: int = 1,
        network: RoadNetwork | None = None,
        quality: Quality = "high",
    ) -> None:
        """Loads a map.

        Args:
            map_name: see `carla_lite.roads.available_maps`.
            seed: of the ground's texture and the sensors' noise.
            fps: ticks per simulated second while the settings name no fixed time step.
            first_episode_id: a server picks it at random so that clients notice a restart.
            network: roads of one's own instead of a map by name.
            quality: of the pictures; "low" takes less time and memory.

        Raises:
            UnknownMapError: no such map.
        """
        self.seed = seed
        self.quality = quality
        self.fps = fps
        self.frame = 0
        self.settings = EpisodeSettings()
        self.weather = Weather()
        self.episode_id = first_episode_id - 1
        self.population = Population()
        if network is None:
            self.load(map_name)
        else:
            self.load_network(network)

    def load(self, map_name: str) -> None:
        """Starts a new episode on a map; only the spectator survives, and the settings stay.

        Args:
            map_name: may have a path in front, as CARLA's own names do.

        Raises:
            UnknownMapError: no such map; the old world goes on.
        """
        self.load_network(make_map(map_name.rsplit("/", 1)[-1]))

    def load_network(self, network: RoadNetwork) -> None:
        """Starts a new episode on roads of one's own, such as those of an OpenDRIVE file."""
        self.network = network
        self.map_name = network.name
        for name in ("opendrive", "geo_reference", "scene", "surroundings", "obstacles"):
            self.__dict__.pop(name, None)
        self.episode_id += 1
        self.elapsed_s = 0.0
        self.population = self.population.successor()
        self.traffic_control = TrafficControl(self.network, self.seed, self.population.next_id)
        self.traffic_control.enter(self.population)
        self.debug = DebugShapes()
        self.collisions: list[Collision] = []
        self.due: list[Sensor] = []
        self._instruments: dict[int, Instrument] = {}
        self._sensors: list[Sensor] = []
        self._collider = Collider()

    def load_prepared(self, prepared: PreparedMap) -> None:
        """Starts a new episode on a map that was made ready for this world's seed and quality; the
        same map may be loaded again, when nothing else has it."""
        self.load_network(prepared.network)
        self.surroundings = Surroundings(prepared.scenery)
        if prepared.scene is not None:
            self.scene = prepared.scene
            lamps_m, conditions = self.surroundings.shining(), visible_conditions(self.weather)
            self.scene.reset(self.static_solids, lamps_m, conditions)

    def reload(self) -> None:
        """Starts a new episode on the same map, whose ground is not painted again."""
        scenery, scene = self.surroundings.scenery, self.__dict__.get("scene")
        self.load_prepared(PreparedMap(self.network, scenery, scene))

    def prepare(self, network: RoadNetwork) -> PreparedMap:
        """Makes a map ready for `load_prepared`; changes nothing here and may run on any thread."""
        return prepare(network, self.seed, self.quality)

    def twin(self) -> "World":
        """A new world on the same roads and with the same seed.

        Scenery and scene are one for both, so that a change of weather or hidden objects shows in
        both; until one of them loads another map.
        """
        twin = World(seed=self.seed, fps=self.fps, quality=self.quality, network=self.network)
        for name in ("opendrive", "surroundings", "obstacles", "scene"):
            twin.__dict__[name] = getattr(self, name)
        return twin

    @cached_property
    def opendrive(self) -> str:
        """The map as OpenDRIVE text."""
        return self.network.to_opendrive()

    @cached_property
    def geo_reference(self) -> GeoReference:
        """Where the map lies on earth."""
        return GeoReference.of_opendrive(self.opendrive)

    @cached_property
    def scene(self) -> Scene:
        """What sensors see of the map; built when the first one looks."""
        scene = Scene.build(
            self.network,
            self.static_solids,
            self.seed,
            lamps_m=self.surroundings.shining(),
            weather=visible_conditions(self.weather),
            quality=self.quality,
        )
        release_free_memory()
        return scene

    @cached_property
    def surroundings(self) -> Surroundings:
        """What stands beside the roads, and the street lamps."""
        return Surroundings(furnish(self.network, self.seed))

    @cached_property
    def obstacles(self) -> Obstacles:
        """What of the map can be bumped into."""
        signs = self.traffic_control.obstacle_solids
        return Obstacles.build(np.concatenate([self.surroundings.solids, signs]))

    @property
    def spawn_points(self) -> list[Transform]:
        """The map's recommended places for vehicles."""
        return [
            Transform(Vector3(x, y, z), Rotation(0.0, yaw, 0.0))
            for x, y, z, yaw in self.network.spawn_points.tolist()
        ]

    @property
    def actors(self) -> dict[int, Actor]:
        """The living by id."""
        return self.population.actors

    @property
    def delta_s(self) -> float:
        """Simulated time of one tick."""
        return self.settings.fixed_delta_s or 1.0 / self.fps

    # Actors

    def spawn(
        self,
        type_id: str,
        transform: Transform | None = None,
        attributes: dict[str, str] | None = None,
        parent_id: int = 0,
        attachment: Attachment = Attachment.RIGID,
    ) -> Actor:
        """Puts a new actor into the world.

        Args:
            type_id: a key of `BLUEPRINTS`.
            transform: its place; relative to the parent when there is one.
            attributes: those which differ from the blueprint's defaults.
            parent_id: what it hangs on; 0 for nothing.
            attachment: how it hangs there.

        Raises:
            SpawnError: unknown blueprint or attribute, bad value, or the place is taken.
            UnknownActorError: no such parent.
            InvalidValueError: the transform is not finite.
        """
        blueprint = find_blueprint(type_id)
        self.population.check_room()
        resolved = blueprint.resolve(attributes or {})
        mount = check_transform(transform or Transform())
        place = compose(self.population.actor(parent_id).transform, mount) if parent_id else mount
        actor = make_actor(
            self.population.next_id, blueprint, place, resolved, parent_id, mount, attachment
        )
        if isinstance(actor, Body) and not parent_id and self.population.is_occupied(actor):
            raise SpawnError("Spawn failed because of collision at spawn position")
        if isinstance(actor, Sensor):
            check_budget((*self._sensors, actor))
            instrument = make_instrument(actor, self)
            if instrument is not None:
                self._instruments[actor.id] = instrument
                self._sensors.append(actor)
        self.population.add(actor)
        if parent_id and attachment is not Attachment.RIGID:
            actor.transform = self.population.hang(actor, self.actors[parent_id], mount)
            self.population.write(actor)
        return actor

    def destroy(self, actor_id: int) -> None:
        """Takes an actor out of the world; what hung on it stays where it is.

        Raises:
            UnknownActorError: no such actor.
            WorldError: the spectator and the map's lights and signs cannot be destroyed.
        """
        if actor_id in self.traffic_control.signs:
            raise WorldError(f"actor {actor_id} is a sign of the map, which cannot be destroyed")
        self.population.remove(actor_id)
        self.due = [sensor for sensor in self.due if sensor.id != actor_id]
        if self._instruments.pop(actor_id, None) is not None:
            self._sensors = [sensor for sensor in self._sensors if sensor.id != actor_id]

    # Commands

    def apply_control(self, actor_id: int, control: VehicleControl) -> None:
        """Sets the command which a vehicle obeys until the next one."""
        self.population.vehicle(actor_id).apply_control(control.checked())

    def set_transform(self, actor_id: int, transform: Transform) -> None:
        """Teleports an actor; a vehicle keeps its velocity as far as its wheels allow.

        For an actor with a parent the transform is relative to it, as in CARLA.
        """
        actor, place = self.population.actor(actor_id), check_transform(transform)
        parent = self.actors.get(actor.parent_id)
        if parent is not None:
            place = self.population.hang(actor, parent, place)
        actor.teleport(place)
        self.population.write(actor)

    def set_target_velocity(self, actor_id: int, velocity: Vector3) -> None:
        """Gives a body a velocity (world frame, m/s) at once; the tyres of a vehicle soon end what
        of it lies across."""
        self.population.body(actor_id).set_target_velocity(velocity)

    def set_target_angular_velocity(self, actor_id: int, velocity_deg_s: Vector3) -> None:
        """Sets how fast a body turns right now (deg/s about z, positive to the right)."""
        self.population.body(actor_id).set_target_angular_velocity(velocity_deg_s)

    def set_simulate_physics(self, actor_id: int, enabled: bool) -> None:
        """A body without physics stands where it is put; what is no body does so anyway."""
        actor = self.population.actor(actor_id)
        if isinstance(actor, Body):
            actor.simulate_physics = enabled

    def apply_settings(self, settings: EpisodeSettings) -> None:
        """Changes how time passes from the next tick on."""
        self.settings = settings.checked()

    def set_weather(self, weather: Weather) -> None:
        """Changes the weather; CARLA's default is a fine day that the world's seed has drawn."""
        self.weather = weather.checked()
        if "scene" in self.__dict__:
            self.scene.set_weather(visible_conditions(self.weather))

    def show_objects(self, object_ids: Collection[int], visible: bool) -> None:
        """Hides objects of the map from every sensor, or brings them back."""
        if self.surroundings.show(object_ids, visible):
            self.__dict__.pop("obstacles", None)
            if "scene" in self.__dict__:
                self.scene.set_solids(self.static_solids)

    def switch_lamps(self, lamps: Iterable[StreetLamp]) -> None:
        """Switches street lamps; from then on dusk and dawn leave them alone.

        Raises:
            InvalidValueError: a number is out of range; then nothing changes.
        """
        self.surroundings.switch(lamps)
        self._light_lamps()

    def set_day_night_cycle(self, active: bool) -> None:
        """Whether street lamps follow the sun as long as nobody switches them."""
        self.surroundings.set_day_night_cycle(active)
        self._light_lamps()

    def _light_lamps(self) -> None:
        if "scene" in self.__dict__:
            self.scene.set_solids(self.static_solids)
            self.scene.set_lamps(self.surroundings.shining())

    @property
    def static_solids(self) -> Solids:
        """What of the map never moves, as sensors see it."""
        return np.concatenate([self.surroundings.solids, self.traffic_control.static_solids])

    # Time

    def tick(self) -> int:
        """Lets `delta_s` pass and returns the number of the new frame."""
        delta_s = self.delta_s
        self.frame += 1
        self.elapsed_s += delta_s
        population = self.population
        for vehicle in population.vehicles:
            if vehicle.ackermann_on:
                vehicle.follow_ackermann(delta_s)
        advance(population.rows, delta_s)
        self.collisions = []
        if population.bodies:
            self.collisions = self._collider.resolve(population, self.obstacles)
        population.carry(delta_s)
        self.traffic_control.advance(delta_s)
        self.traffic_control.tell(population.rows, self.frame)
        self.traffic_control.write_records(population.records)
        population.settle(delta_s)
        self.due = [sensor for sensor in self._sensors if self._reads(sensor)]
        return self.frame

    def _reads(self, sensor: Sensor) -> bool:
        if not sensor.falls_due(self.elapsed_s):
            return False
        return not (self.settings.no_rendering and sensor.type_id in CAMERAS)

    def snapshot(self) -> WorldSnapshot:
        """The state of every actor at the last frame."""
        return WorldSnapshot(
            self.episode_id,
            self.frame,
            self.elapsed_s,
            self.delta_s,
            tuple(snapshot_of(actor) for actor in self.actors.values()),
        )

    def read(self, sensor_id: int) -> Reading | None:
        """What a sensor measures now; cameras render when asked. None when it has nothing to tell.

        Raises:
            UnknownActorError: no such actor.
            WrongActorKindError: it is no sensor with readings of its own.
        """
        sensor = self.population.actor(sensor_id)
        instrument = self._instruments.get(sensor_id)
        if instrument is None or not isinstance(sensor, Sensor):
            raise WrongActorKindError(sensor_id, sensor.type_id, "camera or other live sensor")
        return instrument.read(sensor, self)

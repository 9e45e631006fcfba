"""A simulation that goes wrong by a script, and the RPC methods that lie by it."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from carla_lite.faults import messages
from carla_lite.faults.script import FaultScript
from carla_lite.server import actor_methods, codec
from carla_lite.server.codec import WORLD_STREAM_ID, Wire
from carla_lite.server.methods import MethodTable
from carla_lite.server.packing import Parts
from carla_lite.server.simulation import Simulation
from carla_lite.traffic import Traffic
from carla_lite.world import SpawnError, Transform, Vector3, World
from carla_lite.world.sensor_blueprints import COLLISION, GNSS, IMU, RGB_CAMERA

_SENSORS = {RGB_CAMERA: "camera", IMU: "imu", GNSS: "gnss", COLLISION: "collision"}


class FaultySimulation(Simulation):
    """A simulation whose ticks and messages go wrong as a script says."""

    def __init__(
        self, script: FaultScript, world: World, version: str, traffic: Traffic | None = None
    ) -> None:
        """Takes the script, and what a Simulation takes."""
        super().__init__(world, version, traffic)
        self.script = script
        self._frozen: dict[int, Parts] = {}
        self._held: dict[int, Parts] = {}

    def _step(self) -> None:
        script = self.script
        if self.world.settings.synchronous:
            script.tick()
        if hang := script.due("hang"):
            time.sleep(hang.hang_s)
        if script.due("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        if jump := script.due("jump"):
            self._jump(jump.jump_m)
        super()._step()

    def _jump(self, metres: float) -> None:
        for vehicle in list(self.world.population.vehicles):
            (x, y, z), rotation = vehicle.transform
            self.world.set_transform(vehicle.id, Transform(Vector3(x, y - metres, z), rotation))

    def _send(self, stream_id: int, parts: Parts) -> bool:
        sensor = self._sensor(stream_id)
        if sensor is None:
            return super()._send(stream_id, parts)
        due = self.script.due
        if due("drop", sensor):
            return True
        if due("nan", sensor):
            parts = self._without_numbers(sensor, parts)
        if due("freeze", sensor):
            frozen = self._frozen.setdefault(stream_id, messages.copied(parts))
            parts = messages.with_pixels_of(parts, frozen)
        else:
            self._frozen.pop(stream_id, None)
        if delay := due("delay", sensor):
            wait_s = delay.delay_s + delay.jitter_s * self.script.random.random()
            late = messages.copied(parts)
            asyncio.get_running_loop().call_later(wait_s, super()._send, stream_id, late)
            return True
        held = self._held.pop(stream_id, None)
        if held is None and due("reorder", sensor):
            self._held[stream_id] = messages.copied(parts)
            return True
        prompt = super()._send(stream_id, parts)
        if held is not None:
            prompt &= super()._send(stream_id, held)
        if due("duplicate", sensor):
            prompt &= super()._send(stream_id, messages.copied(parts))
        return prompt

    def _sensor(self, stream_id: int) -> str | None:
        if stream_id == WORLD_STREAM_ID:
            return "state"
        actor = self.world.actors.get(stream_id)
        return None if actor is None else _SENSORS.get(actor.type_id)

    def _without_numbers(self, sensor: str, parts: Parts) -> Parts:
        if sensor == "state":
            vehicles = {vehicle.id for vehicle in self.world.population.vehicles}
            return messages.with_nan_state(parts, vehicles)
        return messages.with_nan_reading(parts)


def fault_methods(script: FaultScript) -> MethodTable:
    """The methods that refuse and lie by the script, and two that tell the truth."""
    table = MethodTable()

    @table.method()
    def version(simulation: Simulation) -> Wire:
        """CARLA's version, or the one that the script says."""
        lie = script.due("version")
        return lie.says if lie else simulation.version

    @table.method()
    def spawn_actor(simulation: Simulation, description: Wire, transform: Wire) -> Wire:
        """As CARLA's, unless the script refuses."""
        _refuse(description)
        return actor_methods.spawn_actor(simulation, description, transform)

    @table.method()
    def spawn_actor_with_parent(
        simulation: Simulation,
        description: Wire,
        transform: Wire,
        parent_id: Wire,
        attachment: Wire,
        socket_name: Wire,
    ) -> Wire:
        """As CARLA's, unless the script refuses."""
        _refuse(description)
        return actor_methods.spawn_actor_with_parent(
            simulation, description, transform, parent_id, attachment, socket_name
        )

    @table.method()
    def lite_faults(simulation: Simulation) -> Wire:
        """[name, how often it was injected] of every fault of the script, in its order."""
        return [[fault.name, script.injected[i]] for i, fault in enumerate(script.faults)]

    @table.method()
    def lite_applied(simulation: Simulation) -> Wire:
        """[frame, [[role, throttle, steer, brake, speed in m/s] of each vehicle]], as applied."""
        rows = []
        for vehicle in simulation.world.population.vehicles:
            role, applied = vehicle.attributes.get("role_name", ""), vehicle.control
            pedals = applied.throttle, applied.steer, applied.brake
            rows.append([role, *pedals, vehicle.speed_mps])
        return [simulation.world.frame, rows]

    def _refuse(description: Wire) -> None:
        wanted = codec.decode_description(description).type_id
        if script.due("refuse_spawn"):
            raise SpawnError(f"Spawn failed because the fault script refuses {wanted}")

    return table

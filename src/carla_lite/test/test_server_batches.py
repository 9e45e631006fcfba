"""Batches: every command there is, what is done after a spawn, and errors one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import carla
import pytest

from carla_lite.server import batch_methods

if TYPE_CHECKING:
    from conftest import LiteServer, Rig

command = carla.command


def _one(rig: Rig, order: Any) -> Any:
    """Runs one command, which must succeed."""
    (response,) = rig.client.apply_batch_sync([order], False)
    assert not response.error, response.error
    return response


def test_every_command_of_carla_has_an_answer() -> None:
    known = {0, 1, *batch_methods._COMMANDS, 20}
    assert known == set(range(22))


def test_commands_do_what_their_calls_do(rig: Rig) -> None:
    car = rig.vehicle(0)
    place = rig.world.get_map().get_spawn_points()[5]
    _one(rig, command.ApplyTransform(car, place))
    _one(rig, command.ApplyTargetVelocity(car, place.get_forward_vector() * 5.0))
    rig.tick()
    assert car.get_location().distance(place.location) < 0.6
    assert car.get_velocity().length() == pytest.approx(5.0, abs=0.2)
    _one(rig, command.ApplyVehicleControl(car, carla.VehicleControl(brake=1.0)))
    rig.tick(40)
    assert car.get_control().brake == 1.0 and car.get_velocity().length() < 0.01
    # By id: given the actor itself, the client's binding mixes up its arguments.
    _one(rig, command.SetVehicleLightState(car.id, carla.VehicleLightState.HighBeam))
    assert car.get_light_state() == carla.VehicleLightState.HighBeam
    _one(rig, command.SetSimulatePhysics(car, False))
    _one(rig, command.ApplyVehicleControl(car, carla.VehicleControl(throttle=1.0)))
    before = car.get_transform()
    rig.tick(5)
    assert car.get_transform() == before
    _one(rig, command.SetSimulatePhysics(car, True))
    _one(rig, command.SetEnableGravity(car, True))
    # SetAutopilot is in test_server_traffic_manager.py: the manager that the client makes for it
    # asks for the settings without a pause for as long as its process lives.
    physics = car.get_physics_control()
    physics.mass = 2345.0
    _one(rig, command.ApplyVehiclePhysicsControl(car, physics))
    assert car.get_physics_control().mass == 2345.0


@pytest.mark.parametrize("order", [command.ApplyImpulse, command.ApplyForce])
def test_pushes_in_a_batch_set_a_car_moving(rig: Rig, order: Any) -> None:
    car = rig.vehicle(0)
    rig.tick(2)
    ahead = car.get_transform().get_forward_vector()
    _one(rig, order(car, ahead * (1e4 if order is command.ApplyImpulse else 2e5)))
    rig.tick()
    velocity = car.get_velocity()
    assert velocity.x * ahead.x + velocity.y * ahead.y > 1.0


@pytest.mark.parametrize(
    "order", [command.ApplyAngularImpulse, command.ApplyTorque, command.ApplyTargetAngularVelocity]
)
def test_turns_in_a_batch_are_taken(rig: Rig, order: Any) -> None:
    _one(rig, order(rig.vehicle(0), carla.Vector3D(z=10.0)))
    rig.tick()


def test_ackermann_control_in_a_batch_reaches_its_speed(rig: Rig) -> None:
    car = rig.vehicle(0)
    goal = carla.VehicleAckermannControl(speed=5.0, acceleration=2.0)
    _one(rig, command.ApplyVehicleAckermannControl(car, goal))
    rig.tick(120)
    assert car.get_velocity().length() == pytest.approx(5.0, abs=1.0)


def test_walkers_obey_commands_in_a_batch(rig: Rig) -> None:
    place = rig.world.get_map().get_spawn_points()[5]
    walker = rig.spawn("walker.pedestrian.0001", place)
    heading = carla.WalkerControl(direction=carla.Vector3D(x=1.0), speed=1.5)
    _one(rig, command.ApplyWalkerControl(walker, heading))
    rig.tick(20)
    assert walker.get_velocity().x == pytest.approx(1.5, abs=0.1)
    elsewhere = carla.Transform(carla.Location(x=3.0, y=4.0, z=1.0))
    _one(rig, command.ApplyWalkerState(walker, elsewhere, 0.0))
    rig.tick()
    assert walker.get_location().x == pytest.approx(3.0, abs=0.1)


def test_what_is_done_after_a_spawn_knows_the_new_actor(rig: Rig) -> None:
    blueprint = rig.blueprints.find("vehicle.tesla.model3")
    place = rig.world.get_map().get_spawn_points()[2]
    full = carla.VehicleControl(throttle=1.0)
    spawn = (
        command.SpawnActor(blueprint, place)
        .then(command.ApplyVehicleControl(command.FutureActor, full))
        .then(command.SetVehicleLightState(command.FutureActor, carla.VehicleLightState.LowBeam))
    )
    made = _one(rig, spawn)
    rig.tick(20)
    car = rig.world.get_actor(made.actor_id)
    rig.actors.append(car)
    assert car.get_velocity().length() > 2.0
    assert car.get_light_state() == carla.VehicleLightState.LowBeam


def test_a_sensor_can_be_hung_on_a_vehicle_by_a_batch(rig: Rig) -> None:
    car = rig.vehicle(0)
    blueprint = rig.blueprints.find("sensor.other.gnss")
    mount = carla.Transform(carla.Location(x=1.0))
    made = _one(rig, command.SpawnActor(blueprint, mount, car))
    rig.tick()
    sensor = rig.world.get_actor(made.actor_id)
    rig.actors.append(sensor)
    assert sensor.parent.id == car.id


def test_what_fails_after_a_spawn_leaves_the_actor_as_in_carla(rig: Rig) -> None:
    blueprint = rig.blueprints.find("static.prop.streetbarrier")
    place = rig.world.get_map().get_spawn_points()[6]
    drive = command.ApplyVehicleControl(command.FutureActor, carla.VehicleControl())
    made = _one(rig, command.SpawnActor(blueprint, place).then(drive))
    rig.tick()
    actor = rig.world.get_actor(made.actor_id)
    rig.actors.append(actor)
    assert actor.type_id == "static.prop.streetbarrier"


def test_each_command_fails_or_succeeds_by_itself(rig: Rig) -> None:
    car = rig.vehicle(0)
    blueprint = rig.blueprints.find("vehicle.tesla.model3")
    place = rig.world.get_map().get_spawn_points()[0]
    orders = [
        command.DestroyActor(999_999),
        command.SetSimulatePhysics(car, True),
        command.SpawnActor(blueprint, place),  # where the car stands
        command.ApplyTransform(car, carla.Transform(carla.Location(x=float("nan")))),
        command.ApplyVehicleControl(car, carla.VehicleControl(throttle=float("inf"))),
        command.ApplyVehicleControl(car, carla.VehicleControl(throttle=0.5)),
    ]
    answers = rig.client.apply_batch_sync(orders, False)
    assert [bool(answer.error) for answer in answers] == [True, False, True, True, True, False]
    assert "actor 999999 not found" in answers[0].error
    assert "collision at spawn position" in answers[2].error
    assert [answers[1].actor_id, answers[5].actor_id] == [car.id, car.id]


def test_a_command_that_the_client_cannot_send_is_taken_from_others(
    server: LiteServer, rig: Rig
) -> None:
    car = rig.vehicle(0)
    with server.raw() as other:  # the client's binding knows no ShowDebugTelemetry
        assert other.call("apply_batch", [[[17, [car.id, True]]]], False) == [[[1, car.id]]]


def test_commands_beyond_carlas_are_refused_one_by_one(server: LiteServer) -> None:
    with server.raw() as client:
        answers = client.call(
            "apply_batch",
            [[[20, ["stat fps"]]], [[22, [1]]], [[2, [1]]], [[-1, []]], [["x", [1]]], [[1, []]], 7],
            False,
        )
    errors = [answer[0][1][0] for answer in answers]
    assert errors[0] == "unsupported: console_command"
    assert errors[1] == "there is no command 22 in a batch"
    assert errors[2] == "command 2 takes 2 fields, not 1"
    assert all(answer[0][0] == 0 for answer in answers) and len(answers) == 7

"""What is left out says so by name, once in the log, and leaves the connection good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import carla
import pytest

from carla_lite.server.server import method_table
from carla_lite.server.unsupported import LEFT_OUT, LEFT_OUT_VOID

# Every RPC name in the client's library, by what it sends; see LibCarla's client/detail/Client.cpp.
_OF_THE_CLIENT = """
version get_episode_info get_sensor_token get_episode_settings set_episode_settings tick_cue
get_required_files request_file get_map_info get_map_data get_navigation_mesh get_available_maps
get_actor_definitions spawn_actor spawn_actor_with_parent destroy_actor get_actors_by_id
get_spectator get_weather_parameters set_weather_parameters get_imui_gravity set_imui_gravity
load_new_episode load_map_layer unload_map_layer copy_opendrive_to_file
apply_color_texture_to_objects apply_float_color_texture_to_objects get_names_of_all_objects
get_physics_control apply_physics_control get_vehicle_light_state set_vehicle_light_state
get_vehicle_light_states open_vehicle_door close_vehicle_door set_wheel_steer_direction
get_wheel_steer_angle set_wheel_pitch_angle get_wheel_pitch_angle set_actor_location
set_actor_transform set_actor_target_velocity set_actor_target_angular_velocity
enable_actor_constant_velocity disable_actor_constant_velocity add_actor_impulse
add_actor_impulse_at_location add_actor_force add_actor_force_at_location
add_actor_angular_impulse add_actor_torque get_actor_bounding_box
get_actor_component_world_transform get_actor_component_relative_transform
get_actor_bone_world_transforms get_vehicle_bone_world_transforms
get_actor_bone_relative_transforms get_actor_component_names get_actor_bone_names
get_actor_socket_world_transforms get_actor_socket_relative_transforms get_actor_socket_names
set_actor_simulate_physics set_actor_collisions set_actor_dead set_actor_enable_gravity
set_actor_autopilot get_telemetry_data show_vehicle_debug_telemetry apply_control_to_vehicle
apply_ackermann_control_to_vehicle get_ackermann_controller_settings
apply_ackermann_controller_settings enable_carsim use_carsim_road enable_chrono_physics
restore_physx_physics apply_control_to_walker get_bones_transform set_bones_transform blend_pose
get_pose_from_animation set_traffic_light_state set_traffic_light_green_time
set_traffic_light_yellow_time set_traffic_light_red_time freeze_traffic_light
reset_traffic_light_group reset_all_traffic_lights freeze_all_traffic_lights get_light_boxes
get_group_traffic_lights start_recorder stop_recorder show_recorder_file_info
show_recorder_collisions show_recorder_actors_blocked replay_file stop_replayer
set_replayer_time_factor set_replayer_ignore_hero set_replayer_ignore_spectator
enable_sensor_for_ros disable_sensor_for_ros is_sensor_enabled_for_ros send set_ignored_vehicles
enable_gbuffers are_gbuffers_enabled get_gbuffer_token draw_debug_shape clear_debug_shape
clear_debug_string apply_batch query_lights_state update_lights_state update_day_night_cycle
get_all_level_BBs get_environment_objects enable_environment_objects project_point cast_ray
set_annotations_traverse_translucency is_traffic_manager_running get_traffic_manager_running
add_traffic_manager_running destroy_traffic_manager
"""


def test_every_call_of_the_client_is_answered_or_left_out_on_purpose() -> None:
    supported = {name for name, _ in method_table().items()}
    left_out = [name for names in LEFT_OUT.values() for name in names]
    assert len(left_out) == len(set(left_out)) and not supported & set(left_out)
    assert set(_OF_THE_CLIENT.split()) <= supported | set(left_out)
    assert set(left_out) >= LEFT_OUT_VOID


_CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "start_recorder": lambda client, world, car: client.start_recorder("drive.log"),
    "show_recorder_file_info": lambda client, world, car: client.show_recorder_file_info("x", True),
    "show_recorder_collisions": lambda c, world, car: c.show_recorder_collisions("x", "v", "v"),
    "show_recorder_actors_blocked": lambda c, w, car: c.show_recorder_actors_blocked("x", 1, 1),
    "replay_file": lambda client, world, car: client.replay_file("x", 0, 0, 0),
    "load_map_layer": lambda client, world, car: world.load_map_layer(carla.MapLayer.Props),
    "unload_map_layer": lambda client, world, car: world.unload_map_layer(carla.MapLayer.Props),
    "apply_color_texture_to_objects": lambda client, world, car: (
        world.apply_color_texture_to_object(
            "house", carla.MaterialParameter.Diffuse, carla.TextureColor(2, 2)
        )
    ),
    "get_actor_component_names": lambda client, world, car: car.get_component_names(),
    "get_actor_bone_names": lambda client, world, car: car.get_bone_names(),
    "get_actor_socket_names": lambda client, world, car: car.get_socket_names(),
}


@pytest.mark.parametrize("method", _CALLS)
def test_a_call_that_is_left_out_raises_its_name(rig: Any, method: str) -> None:
    car = rig.vehicle()
    with pytest.raises(RuntimeError, match=f"^unsupported: {method}$"):
        _CALLS[method](rig.client, rig.world, car)
    assert rig.tick() > 0


@pytest.mark.parametrize("kind", ["dvs", "normals", "optical_flow", "cosmos_visualization"])
def test_a_camera_that_is_only_listed_refuses_to_be_spawned(rig: Any, kind: str) -> None:
    with pytest.raises(RuntimeError, match=f"^unsupported: sensor.camera.{kind}$"):
        rig.spawn(f"sensor.camera.{kind}", carla.Transform(), image_size_x="320")
    assert rig.tick() > 0


def test_the_log_names_what_is_left_out_once(
    running_server: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    with running_server("--map", "LiteCircuit_1") as server:
        client = server.client()
        world = client.get_world()
        for _ in range(3):
            with pytest.raises(RuntimeError, match="unsupported"):
                client.start_recorder("drive.log")
            client.set_replayer_time_factor(2.0)  # for which the client does not wait
        world.wait_for_tick(20.0)
        with server.raw() as raw:
            raw.call("no\nsuch\x1bmethod")
    log = capfd.readouterr().err
    assert log.count("unsupported: start_recorder\n") == 1
    assert log.count("unsupported: set_replayer_time_factor\n") == 1
    assert r"unsupported: 'no\nsuch\x1bmethod'" in log and "\x1b" not in log

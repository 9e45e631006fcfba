"""CARLA's calls that are left out on purpose, so that each is answered with its own name."""

LEFT_OUT: dict[str, tuple[str, ...]] = {
    "recording and replaying": (
        "start_recorder",
        "stop_recorder",
        "show_recorder_file_info",
        "show_recorder_collisions",
        "show_recorder_actors_blocked",
        "replay_file",
        "stop_replayer",
        "set_replayer_time_factor",
        "set_replayer_ignore_hero",
        "set_replayer_ignore_spectator",
    ),
    "navigation mesh and files": ("get_navigation_mesh", "request_file"),
    "layers and textures of maps": (
        "load_map_layer",
        "unload_map_layer",
        "apply_color_texture_to_objects",
        "apply_float_color_texture_to_objects",
        "set_annotations_traverse_translucency",
    ),
    "bones, components and sockets": (
        "get_actor_component_names",
        "get_actor_component_world_transform",
        "get_actor_component_relative_transform",
        "get_actor_bone_names",
        "get_actor_bone_world_transforms",
        "get_actor_bone_relative_transforms",
        "get_vehicle_bone_world_transforms",
        "get_actor_socket_names",
        "get_actor_socket_world_transforms",
        "get_actor_socket_relative_transforms",
        "get_bones_transform",
        "set_bones_transform",
        "blend_pose",
        "get_pose_from_animation",
        "set_actor_dead",
    ),
    "other physics engines": (
        "enable_chrono_physics",
        "enable_carsim",
        "use_carsim_road",
        "restore_physx_physics",
    ),
    "G-buffers": ("enable_gbuffers", "are_gbuffers_enabled", "get_gbuffer_token"),
    "ROS 2 inside the server": (
        "enable_sensor_for_ros",
        "disable_sensor_for_ros",
        "is_sensor_enabled_for_ros",
    ),
    "V2X": ("send",),
    "Unreal's console": ("console_command",),
    "gravity of accelerometers": ("get_imui_gravity", "set_imui_gravity"),
    "vehicles that a sensor ignores": ("set_ignored_vehicles",),
}
"""Method names by what they are for."""

LEFT_OUT_VOID = frozenset({
    "load_map_layer",
    "unload_map_layer",
    "apply_color_texture_to_objects",
    "apply_float_color_texture_to_objects",
    "enable_gbuffers",
    "set_ignored_vehicles",
})  # fmt: skip
"""Those for which the client expects a void response, which has another shape."""

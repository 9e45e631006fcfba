"""The client's own calls that change the map, each in a process of its own; see LiteServer.load."""

from __future__ import annotations

import json
from typing import Any

from carla_lite.roads import make_map


def test_load_world_changes_the_map_and_starts_an_empty_episode(running_server: Any) -> None:
    with running_server("--map", "LiteCircuit_1") as server:
        first = server.client().get_world()
        first.spawn_actor(
            first.get_blueprint_library().find("vehicle.tesla.model3"),
            first.get_map().get_spawn_points()[0],
        )
        roads, episode = len(first.get_map().get_topology()), first.id
        said = server.run_client(
            "world = client.load_world('LiteTown_3')\n"
            "vehicles = [one.id for one in world.get_actors().filter('vehicle.*')]\n"
            "print(json.dumps([world.id, world.get_map().name, vehicles]))\n"
        )
        second = server.client().get_world()
        assert second.get_map().name == "LiteTown_3"
        assert len(second.get_map().get_topology()) > roads
        assert second.id != episode
        assert not second.get_actors().filter("vehicle.*")
        if said is not None:
            assert json.loads(said) == [second.id, "LiteTown_3", []]


def test_load_world_can_keep_synchronous_mode(running_server: Any) -> None:
    program = (
        "settings = carla.WorldSettings(synchronous_mode=True, fixed_delta_seconds=0.05)\n"
        "client.get_world().apply_settings(settings)\n"
        "world = client.load_world('LiteCircuit_2', reset_settings=%s)\n"
        "print(json.dumps(world.get_settings().synchronous_mode))\n"
    )
    with running_server("--map", "LiteCircuit_1") as server:
        for reset in (False, True):
            said = server.run_client(program % reset)
            assert server.client().get_world().get_settings().synchronous_mode is not reset
            assert said is None or json.loads(said) is not reset


def test_reload_world_starts_a_new_episode_on_the_same_map(running_server: Any) -> None:
    with running_server("--map", "LiteTown_3") as server:
        before = server.client().get_world().id
        said = server.run_client(
            "world = client.reload_world()\nprint(json.dumps([world.id, world.get_map().name]))\n"
        )
        after = server.client().get_world()
        assert after.id != before
        assert after.get_map().name == "LiteTown_3"
        if said is not None:
            assert json.loads(said) == [after.id, "LiteTown_3"]


def test_generate_opendrive_world_serves_the_client_s_own_text(running_server: Any) -> None:
    text = make_map("LiteCircuit_5").to_opendrive()
    with running_server("--map", "LiteCircuit_1") as server:
        said = server.run_client(
            f"text = {text!r}\n"
            "parameters = carla.OpendriveGenerationParameters()\n"
            "world = client.generate_opendrive_world(text, parameters)\n"
            "print(json.dumps(world.get_map().to_opendrive() == text))\n"
        )
        assert server.client().get_world().get_map().to_opendrive() == text
        assert said is None or json.loads(said) is True

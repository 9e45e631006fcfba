"""Whatever arrives at its ports, the server answers the next good client."""

from __future__ import annotations

import math
import socket
import struct
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carla_lite.server import actor_methods, session_methods
from carla_lite.server.methods import Dispatcher, MethodTable
from carla_lite.server.rpc import MalformedRequestError, parse_request
from carla_lite.server.simulation import Simulation
from carla_lite.world import EpisodeSettings, World

if TYPE_CHECKING:
    from conftest import LiteServer

TIMEOUT_S = 20.0
_fuzz = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_numbers = st.one_of(st.integers(-(2**63), 2**64 - 1), st.floats())
_leaves = st.one_of(st.none(), st.booleans(), _numbers, st.text(max_size=8), st.binary(max_size=8))
_values = st.recursive(_leaves, lambda inner: st.lists(inner, max_size=5), max_leaves=12)


@_fuzz
@given(st.binary(min_size=1, max_size=200))
def test_random_bytes_at_the_rpc_port_harm_nobody_else(server: LiteServer, noise: bytes) -> None:
    with server.raw() as bystander, server.raw() as vandal:
        vandal.socket.sendall(noise)
        assert bystander.call("version") == [[1, "0.9.16"]]


@_fuzz
@given(st.binary(max_size=64))
def test_random_bytes_at_the_stream_port_harm_nobody(server: LiteServer, noise: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.stream_port), timeout=TIMEOUT_S) as vandal:
        vandal.sendall(noise)
        assert server.answers_within_a_second()


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"\xc1", id="a byte that begins nothing"),
        pytest.param(b"\xdd\xff\xff\xff\xff", id="an array of four thousand million items"),
        pytest.param(b"\xdf\xff\xff\xff\xff", id="a map of four thousand million items"),
        pytest.param(b"\xc6\xff\xff\xff\xff", id="four gigabytes"),
        pytest.param(b"\xdb\x7f\xff\xff\xff", id="a text of two gigabytes"),
        pytest.param(b"\xa2\xff\xfe", id="text that is no UTF-8"),
        pytest.param(b"\x91" * 5000 + b"\xc0", id="five thousand arrays in one another"),
        pytest.param((b"\xdc\xff\xff" + b"\x90" * 65534) * 8, id="half a million empty lists"),
        pytest.param(msgpack.packb({"method": "version"}), id="a map"),
        pytest.param(msgpack.packb([0, 1, "version"]), id="no arguments"),
        pytest.param(msgpack.packb([9, 1, "version", []]), id="an unknown kind"),
    ],
)
def test_malformed_input_ends_only_its_own_connection(server: LiteServer, message: bytes) -> None:
    with server.raw() as bystander, server.raw() as vandal:
        vandal.socket.sendall(message)
        assert vandal.is_hung_up()
        assert bystander.call("version") == [[1, "0.9.16"]]


def test_a_message_beyond_the_size_limit_is_cut_off(server: LiteServer) -> None:
    with server.raw() as vandal:
        vandal.socket.sendall(b"\xc6" + struct.pack(">I", 2**31))  # two gigabytes to come
        with pytest.raises(OSError):
            for _ in range(64):
                vandal.socket.sendall(bytes(1024 * 1024))
    assert server.answers_within_a_second()


def test_a_request_in_small_pieces_is_answered(server: LiteServer) -> None:
    request = msgpack.packb([0, 5, "version", [[False]]])
    with server.raw() as slow:
        for index in range(len(request)):
            slow.socket.sendall(request[index : index + 1])
        assert msgpack.unpackb(slow.socket.recv(4096)) == [1, 5, None, [[1, "0.9.16"]]]


def test_an_unknown_method_and_a_wrong_arity_are_named(server: LiteServer) -> None:
    with server.raw() as client:
        assert client.call("open_pod_bay_doors") == [[0, ["unsupported: open_pod_bay_doors"]]]
        assert client.call("destroy_actor") == [[0, ["destroy_actor takes 1 arguments, not 0"]]]
        (flag, (message,)) = client.call("set_actor_transform", 1, "there")[0]
        assert flag is True and "transform: expected a list of 2" in message


def test_traffic_managers_find_each_other(server: LiteServer) -> None:
    with server.raw() as client:
        assert client.call("is_traffic_manager_running", 61234) == [[1, False]]
        assert client.call("add_traffic_manager_running", ["10.0.0.7", 61234]) == [[1, True]]
        assert client.call("add_traffic_manager_running", ["10.0.0.8", 61234]) == [[1, False]]
        assert client.call("get_traffic_manager_running", 61234) == [[1, ["10.0.0.7", 61234]]]
        assert client.call("destroy_traffic_manager", 61234) == [[1, True]]
        assert client.call("is_traffic_manager_running", 61234) == [[1, False]]


@given(_values)
def test_parsing_accepts_requests_and_nothing_else(value: Any) -> None:
    try:
        message_id, method, arguments, waits = parse_request(value)
    except MalformedRequestError:
        return
    assert isinstance(method, str) and isinstance(arguments, list)
    assert message_id is not None or not waits


@pytest.fixture(scope="module")
def dispatcher() -> Dispatcher:
    """The methods over a world in synchronous mode, without sockets."""
    world = World("LiteCircuit_1")
    world.apply_settings(EpisodeSettings(synchronous=True))
    table = MethodTable()
    table.include(session_methods.TABLE)
    table.include(actor_methods.TABLE)
    return Dispatcher(Simulation(world, "0.9.16"), table)


_METHODS_WITH_ARGUMENTS = sorted(
    name
    for table in (session_methods.TABLE, actor_methods.TABLE)
    for name, method in table.items()
    if method.arity and name not in ("get_sensor_token", "load_new_episode")
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_METHODS_WITH_ARGUMENTS), st.data())
def test_arguments_of_any_shape_give_an_answer_that_can_be_packed(
    dispatcher: Dispatcher, name: str, data: st.DataObject
) -> None:
    method = actor_methods.TABLE.get(name) or session_methods.TABLE.get(name)
    assert method is not None
    arguments = data.draw(st.lists(_values, min_size=method.arity, max_size=method.arity))
    answer = dispatcher(name, arguments, True)
    assert "internal error" not in str(answer)
    msgpack.packb(answer)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(), min_size=6, max_size=6), st.lists(st.floats(), min_size=3, max_size=3))
def test_no_number_stops_the_clock(
    dispatcher: Dispatcher, place: list[float], pedals: list[float]
) -> None:
    world = dispatcher.simulation.world
    vehicle = next((a for a in world.actors.values() if a.type_id.startswith("vehicle")), None)
    if vehicle is None:
        vehicle = world.spawn("vehicle.tesla.model3", world.spawn_points[0])
    control = [*pedals, False, False, False, 0]
    dispatcher("apply_control_to_vehicle", [vehicle.id, control], False)
    dispatcher("set_actor_transform", [vehicle.id, [place[:3], place[3:]]], False)
    dispatcher("set_actor_target_velocity", [vehicle.id, place[3:]], False)
    dispatcher("set_actor_target_angular_velocity", [vehicle.id, place[:3]], False)
    frame = world.frame
    assert dispatcher("tick_cue", [], True) == [[1, frame + 1]]
    location, rotation = vehicle.transform
    assert all(map(math.isfinite, (*location, *rotation, *vehicle.velocity)))

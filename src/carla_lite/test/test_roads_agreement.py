"""What we read from an OpenDRIVE text and what the real carla.Map reads agree."""

from __future__ import annotations

from functools import cache

import carla
import numpy as np
import pytest

from carla_lite.roads import RoadNetwork, make_map, parse_opendrive
from carla_lite.roads.lanes import sample_section, section_spans, speed_limits

WIDTH = '<width sOffset="0" a="3.5" b="0" c="0" d="0"/>'
CURVES = {
    "spirals": """<geometry s="0" x="5" y="-8" hdg="0.3" length="40">
<spiral curvStart="0" curvEnd="0.03"/></geometry>
<geometry s="40" x="38.0" y="16.6" hdg="0.9" length="60">
<spiral curvStart="0.03" curvEnd="-0.02"/></geometry>""",
    "poly3": """<geometry s="0" x="0" y="0" hdg="-2.5" length="100">
<poly3 a="0" b="0.1" c="0.003" d="-0.00002"/></geometry>""",
    "paramPoly3 by arc length": """<geometry s="0" x="100" y="0" hdg="1.2" length="100">
<paramPoly3 pRange="arcLength" aU="0" bU="1" cU="0.0005" dU="-0.00001" aV="0" bV="0" cV="0.004"
dV="-0.00001"/></geometry>""",
    "paramPoly3 normalized": """<geometry s="0" x="0" y="50" hdg="3" length="100">
<paramPoly3 pRange="normalized" aU="0" bU="90" cU="30" dU="-20" aV="0" bV="0" cV="20" dV="10"/>
</geometry>""",
    "all kinds": """<geometry s="0" x="0" y="0" hdg="0" length="30"><line/></geometry>
<geometry s="30" x="30" y="0" hdg="0" length="30"><arc curvature="0.02"/></geometry>
<geometry s="60" x="58.2" y="8.7" hdg="0.6" length="40">
<spiral curvStart="0.02" curvEnd="0"/></geometry>""",
}


def _text(curve: str, rule: str = "RHT") -> str:
    """A road of 100 m with lane offsets and two sections of different lanes and widths."""
    return f"""<OpenDRIVE><header revMajor="1" revMinor="4"><geoReference>
<![CDATA[+proj=tmerc +lat_0=10 +lon_0=20]]></geoReference></header>
<road id="3" length="100" junction="-1" rule="{rule}"><planView>{CURVES[curve]}</planView><lanes>
<laneOffset s="0" a="0.5" b="0" c="0" d="0"/>
<laneOffset s="30" a="0.5" b="0" c="0.003" d="-0.00005"/>
<laneOffset s="70" a="2.1" b="0" c="0" d="0"/>
<laneSection s="0"><left><lane id="1" type="driving"><link><successor id="1"/></link>{WIDTH}</lane>
</left><center><lane id="0" type="none"/></center>
<right><lane id="-1" type="driving"><link><successor id="-1"/></link>
<width sOffset="0" a="3" b="0.01" c="0" d="0"/>
<width sOffset="20" a="3.2" b="0" c="0" d="0"/></lane>
<lane id="-2" type="parking"><width sOffset="0" a="2.5" b="0" c="0" d="0"/></lane></right>
</laneSection>
<laneSection s="45.5"><left><lane id="2" type="sidewalk">{WIDTH}</lane>
<lane id="1" type="driving"><link><predecessor id="1"/></link>{WIDTH}</lane></left>
<center><lane id="0" type="none"/></center>
<right><lane id="-1" type="driving"><link><predecessor id="-1"/></link>
<width sOffset="0" a="3.2" b="0" c="0.0005" d="-0.00001"/></lane>
<lane id="-2" type="biking"><width sOffset="0" a="1.5" b="0" c="0" d="0"/></lane></right>
</laneSection></lanes></road></OpenDRIVE>"""


@cache
def _read(curve: str, rule: str) -> tuple[RoadNetwork, carla.Map]:
    text = _text(curve, rule)
    return parse_opendrive(text), carla.Map(curve, text)


LANE_TYPES = {
    "driving": carla.LaneType.Driving,
    "parking": carla.LaneType.Parking,
    "sidewalk": carla.LaneType.Sidewalk,
    "biking": carla.LaneType.Biking,
}


@pytest.mark.parametrize("rule", ["RHT", "LHT"])
@pytest.mark.parametrize("curve", CURVES)
def test_places_widths_and_kinds_of_lanes_agree_to_two_centimetres(curve: str, rule: str) -> None:
    network, world_map = _read(curve, rule)
    road = network.roads[0]
    seen = 0
    for section, start, end in section_spans(road):
        s_m = np.linspace(start + 0.01, end - 0.01, 23)
        for strip in sample_section(road, section, s_m):
            if strip.lane.id == 0:
                continue
            yaws = strip.driving_line()[:, 2]
            if not road.runs_along(strip.lane.id):
                yaws = yaws[::-1]
            for i, s in enumerate(s_m):
                waypoint = world_map.get_waypoint_xodr(3, strip.lane.id, float(s))
                at = waypoint.transform.location
                assert np.hypot(*(strip.centre[i] - (at.x, at.y))) < 0.02
                width = np.hypot(*(strip.outer[i] - strip.inner[i]))
                assert waypoint.lane_width == pytest.approx(width, abs=1e-3)
                assert waypoint.lane_type == LANE_TYPES[strip.lane.kind]
                turn = waypoint.transform.rotation.yaw - yaws[i]
                assert abs((turn + 180) % 360 - 180) < 0.6
                seen += 1
    assert seen == 23 * 7


@pytest.mark.parametrize("rule", ["RHT", "LHT"])
def test_sections_lead_to_each_other_as_the_client_says(rule: str) -> None:
    network, world_map = _read("all kinds", rule)
    index = network.lane_index
    assert {(ref.section, ref.lane_id) for ref in index.lanes} == {
        (0, 1), (0, -1), (1, 1), (1, -1)
    }  # fmt: skip
    for row, ref in enumerate(index.lanes):
        end = float(index.stations[index.start[row + 1] - 1, 0])
        inside = end - 0.1 if end > index.stations[index.start[row], 0] else end + 0.1
        waypoint = world_map.get_waypoint_xodr(3, ref.lane_id, inside)
        theirs = {(w.section_id, w.lane_id) for w in waypoint.next(0.5)}
        assert {index.lanes[i][1:3] for i in index.successors[row]} == theirs


@pytest.mark.parametrize("name", ["LiteTown01", "LiteTown02", "LiteTown_1", "LiteCircuit_2"])
def test_every_lane_leads_where_the_client_s_waypoints_lead(name: str) -> None:
    network = make_map(name)
    world_map = carla.Map(name, network.to_opendrive())
    index = network.lane_index
    for row, ref in enumerate(index.lanes):
        last = index.start[row + 1] - 1
        end = float(index.stations[last, 0])
        inside = end - 0.05 if end > index.stations[last - 1, 0] else end + 0.05
        waypoint = world_map.get_waypoint_xodr(ref.road_id, ref.lane_id, inside)
        theirs = {(w.road_id, w.section_id, w.lane_id) for w in waypoint.next(0.2)}
        assert {index.lanes[i][:3] for i in index.successors[row]} == theirs
        for side, other in (
            (index.left, waypoint.get_left_lane()),
            (index.right, waypoint.get_right_lane()),
        ):
            same_way = other is not None and other.lane_id * ref.lane_id > 0
            drivable = same_way and other.lane_type == carla.LaneType.Driving
            assert (side[row] >= 0) == drivable
            if drivable:
                assert index.lanes[side[row]].lane_id == other.lane_id


@pytest.mark.parametrize("name", ["LiteTown01", "LiteTown02", "LiteTown_1"])
def test_the_client_finds_our_signals_where_they_stand(name: str) -> None:
    network = make_map(name)
    world_map = carla.Map(name, network.to_opendrive())
    signals = {signal.id: signal for signal in network.signals}
    landmarks = world_map.get_all_landmarks()
    assert {landmark.id for landmark in landmarks} == set(signals)
    for landmark in landmarks:
        signal = signals[landmark.id]
        at = landmark.transform.location
        # The client moves lights by a quarter of a metre, along the traffic.
        moved = 0.25 if signal.kind == "light" else 0.0
        assert np.hypot(at.x - signal.x_m, at.y - signal.y_m) == pytest.approx(moved, abs=0.01)
        turn = landmark.transform.rotation.yaw - signal.yaw_deg
        assert abs((turn + 180) % 360 - 180) < 0.01
        assert (landmark.type, landmark.name) == (signal.type, signal.name)
        assert landmark.is_dynamic == (signal.kind == "light")
        place = next(
            p for p in signal.places if p.road_id == landmark.road_id and p.lanes != ((0, 0),)
        )
        assert [tuple(lanes) for lanes in landmark.get_lane_validities()] == list(place.lanes)
        if signal.kind == "speed_limit":
            assert (landmark.value, landmark.unit) == (signal.value, "km/h")
            limit = network.speed_limit_at(landmark.road_id, place.lanes[0][0], landmark.s)
            assert limit * 3.6 == pytest.approx(landmark.value)
    assert {s.kind for s in signals.values()} >= {"light", "speed_limit"}


@pytest.mark.parametrize("name", ["LiteTown01", "LiteTown02"])
def test_whoever_drives_to_a_stop_line_reads_its_signal_ahead(name: str) -> None:
    network = make_map(name)
    world_map = carla.Map(name, network.to_opendrive())
    for line in network.stop_lines:
        back = 3.0 if line.s_m < network.road_by_id[line.road_id].length_m / 2 else -3.0
        waypoint = world_map.get_waypoint_xodr(line.road_id, line.lane_id, line.s_m + back)
        ahead = {landmark.id for landmark in waypoint.get_landmarks(12.0, False)}
        assert line.signal_id in ahead
        along = waypoint.transform.get_forward_vector()
        middle = (np.array(line.start) + line.end) / 2
        at = waypoint.transform.location
        to_line = middle - (at.x, at.y)
        assert to_line @ (along.x, along.y) == pytest.approx(3.0, abs=0.15)
        assert np.hypot(*(np.array(line.end) - line.start)) == pytest.approx(3.5, abs=0.01)


@pytest.mark.parametrize("name", ["LiteTown01", "LiteTown02", "LiteTown_1"])
def test_the_client_finds_our_crosswalks(name: str) -> None:
    network = make_map(name)
    world_map = carla.Map(name, network.to_opendrive())
    points = np.array([(p.x, p.y) for p in world_map.get_crosswalks()]).reshape(-1, 5, 2)
    assert len(points) == len(network.crosswalks) > 0
    for crosswalk in network.crosswalks:
        corners = np.array(crosswalk.corners)
        away = np.abs(points[:, None, :4] - corners[None, :, None]).sum(axis=-1).min(axis=2)
        assert away.max(axis=1).min() < 0.01


def test_speed_limits_follow_the_lane() -> None:
    network = make_map("LiteTown01")
    for row, ref in enumerate(network.lane_index.lanes):
        road = network.road_by_id[ref.road_id]
        section = road.sections[ref.section]
        lane = next(lane for lane in section.lanes if lane.id == ref.lane_id)
        limit = speed_limits(road, section, lane, np.array([1.0]))[0]
        part = network.lane_index.speed_mps[
            network.lane_index.start[row] : network.lane_index.start[row + 1]
        ]
        np.testing.assert_array_equal(part, limit)
        assert round(limit * 3.6) in (30, 50)

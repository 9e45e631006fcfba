"""Promises of the OpenDRIVE reader, from texts alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.roads import RoadNetwork, lane_strips, make_map, parse_opendrive
from carla_lite.roads.lanes import sample_section
from carla_lite.roads.marks import painted_lines
from carla_lite.roads.opendrive import to_opendrive

MAPS = st.builds(
    lambda kind, seed: f"{kind}_{seed}",
    st.sampled_from(["LiteCircuit", "LiteTown"]),
    st.integers(0, 10**6),
) | st.sampled_from(["LiteTown01", "LiteTown02"])
LANES = """\
<laneSection s="0"><center><lane id="0" type="none"/></center><right>
<lane id="-1" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/></lane>
</right></laneSection>"""


def one_road(
    lanes: str = LANES,
    shape: str = "<line/>",
    length: object = 100,
    extra: str = "",
    attributes: str = 'junction="-1"',
) -> str:
    """A map of one road along x."""
    return f"""<OpenDRIVE><header revMajor="1" revMinor="4"/>
<road id="1" length="{length}" {attributes}>
<planView><geometry s="0" x="0" y="0" hdg="0" length="{length}">{shape}</geometry></planView>
<lanes>{lanes}</lanes>{extra}</road></OpenDRIVE>"""


def _same_lanes(first: RoadNetwork, second: RoadNetwork, tolerance: float) -> None:
    theirs = lane_strips(second, 2.0)
    for ours, other in zip(lane_strips(first, 2.0), theirs, strict=True):
        assert (ours.road.id, ours.lane.id, ours.lane.kind) == (
            other.road.id,
            other.lane.id,
            other.lane.kind,
        )
        for name in ("inner", "outer"):
            np.testing.assert_allclose(getattr(ours, name), getattr(other, name), atol=tolerance)


@given(MAPS)
@settings(max_examples=12, deadline=None)
def test_what_is_written_is_read_as_the_same_map(name: str) -> None:
    network = make_map(name)
    text = network.to_opendrive()
    parsed = parse_opendrive(text, name)
    _same_lanes(network, parsed, 1e-6)
    apart = parsed.spawn_points - network.spawn_points
    apart[:, 3] = (apart[:, 3] + 180.0) % 360.0 - 180.0
    np.testing.assert_allclose(apart, 0.0, atol=1e-6)
    assert parsed.junctions == network.junctions
    assert parsed.controllers == network.controllers
    assert [road.speeds[0].limit_mps for road in parsed.roads] == pytest.approx(
        [road.speeds[0].limit_mps for road in network.roads]
    )
    theirs = {signal.id: signal for signal in parsed.signals}
    assert len(theirs) == len(network.signals)
    for signal in network.signals:
        other = theirs[signal.id]
        assert (other.kind, other.value, other.unit, other.controller_id, other.junction_id) == (
            signal.kind,
            signal.value,
            signal.unit,
            signal.controller_id,
            signal.junction_id,
        )
        assert (other.x_m, other.y_m) == pytest.approx((signal.x_m, signal.y_m), abs=1e-6)
    for ours, other in zip(
        sorted(network.crosswalks, key=lambda c: c.id),
        sorted(parsed.crosswalks, key=lambda c: c.id),
        strict=True,
    ):
        np.testing.assert_allclose(other.corners, ours.corners, atol=1e-6)
    assert len(parsed.stop_lines) == len(network.stop_lines)


def test_a_parsed_map_gives_back_its_own_text_and_can_be_written_anew() -> None:
    text = one_road(shape='<spiral curvStart="0" curvEnd="0.02"/>')
    network = parse_opendrive(text)
    assert network.to_opendrive() == text
    _same_lanes(network, parse_opendrive(to_opendrive(network)), 1e-9)


def test_the_place_on_earth_is_kept() -> None:
    reference = "+proj=tmerc +lat_0=49.1 +lon_0=8.2"
    text = one_road().replace(
        'revMinor="4"/>',
        f'revMinor="4"><geoReference><![CDATA[{reference}]]></geoReference></header>',
    )
    network = parse_opendrive(text)
    assert network.geo_reference == reference
    assert reference in to_opendrive(network)


def test_a_spiral_is_the_integral_of_its_curvature() -> None:
    network = parse_opendrive(one_road(shape='<spiral curvStart="-0.03" curvEnd="0.05"/>'))
    road = network.roads[0]
    strip = sample_section(road, road.sections[0], np.array([0.0, 37.0, 100.0]))[0]
    for s_m, point in zip(strip.s_m, strip.inner, strict=True):
        s = np.linspace(0.0, s_m, 20_001)
        heading = -0.03 * s + 0.5 * (0.08 / 100) * s**2
        x, y = np.trapezoid(np.cos(heading), s), np.trapezoid(np.sin(heading), s)
        np.testing.assert_allclose(point, (x, -y), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "length"),
    [
        ('<poly3 a="0" b="0" c="0.004" d="0.00001"/>', 100),
        ('<paramPoly3 pRange="arcLength" aU="0" bU="1" cU="0" dU="0" aV="0" bV="0" cV="0.004"'
         ' dV="0.00001"/>', 100),
        ('<paramPoly3 pRange="normalized" aU="0" bU="100" cU="0" dU="0" aV="0" bV="0" cV="40"'
         ' dV="10"/>', 120),
        ('<paramPoly3 aU="0" bU="100" cU="0" dU="0" aV="0" bV="0" cV="40" dV="10"/>', 120),
    ],
)  # fmt: skip
def test_the_length_of_a_polynomial_is_measured_along_it(shape: str, length: float) -> None:
    network = parse_opendrive(one_road(shape=shape, length=length))
    road = network.roads[0]
    s_m = np.linspace(0.0, 100.0, 2001)
    points = sample_section(road, road.sections[0], s_m)[0].inner
    steps = np.hypot(*np.diff(points, axis=0).T)
    np.testing.assert_allclose(steps, 0.05, atol=1e-6)
    # All four are the same cubic: v = 0.004 u^2 + 0.00001 u^3, to the left of x.
    np.testing.assert_allclose(
        -points[:, 1], 0.004 * points[:, 0] ** 2 + 1e-5 * points[:, 0] ** 3, atol=1e-6
    )


def test_borders_are_as_good_as_widths() -> None:
    borders = """\
<laneSection s="0"><left>
<lane id="2" type="shoulder"><border sOffset="0" a="6" b="0.01" c="0" d="0"/></lane>
<lane id="1" type="driving"><border sOffset="0" a="3" b="0.02" c="0" d="0"/>
<border sOffset="40" a="3.8" b="0" c="0.0001" d="0"/></lane></left>
<center><lane id="0"/></center><right>
<lane id="-1" type="driving"><border sOffset="0" a="-3.25" b="0" c="0" d="0.000001"/></lane>
</right></laneSection>"""
    road = parse_opendrive(one_road(borders)).roads[0]
    s_m = np.array([0.0, 10.0, 39.0, 41.0, 90.0])
    strips = {s.lane.id: s for s in sample_section(road, road.sections[0], s_m)}
    first = np.where(s_m < 40, 3 + 0.02 * s_m, 3.8 + 1e-4 * (s_m - 40) ** 2)
    np.testing.assert_allclose(strips[1].outer[:, 1], -first, atol=1e-9)
    np.testing.assert_allclose(strips[2].outer[:, 1], -(6 + 0.01 * s_m), atol=1e-9)
    np.testing.assert_allclose(strips[-1].outer[:, 1], 3.25 - 1e-6 * s_m**3, atol=1e-9)


def test_lanes_are_offset_from_the_first_record_on() -> None:
    offsets = '<laneOffset s="30" a="1" b="0" c="0" d="0"/>'
    road = parse_opendrive(one_road(offsets + LANES)).roads[0]
    strip = sample_section(road, road.sections[0], np.array([10.0, 29.9, 30.1]))[0]
    np.testing.assert_allclose(strip.inner[:, 1], [0.0, 0.0, -1.0], atol=1e-12)


def test_marks_change_along_a_lane_and_double_lines_are_two() -> None:
    lanes = LANES.replace(
        '<lane id="0" type="none"/>',
        '<lane id="0" type="none"><roadMark sOffset="0" type="solid broken" color="yellow"'
        ' width="0.2"/><roadMark sOffset="30" type="none"/><roadMark sOffset="60" type="broken"'
        ' weight="bold"/></lane>',
    )
    strip = next(s for s in lane_strips(parse_opendrive(one_road(lanes))) if s.lane.id == 0)
    left, right, last = painted_lines(strip)
    assert (left.pattern, left.colour, left.width_m) == ("solid", "yellow", 0.2)
    assert (right.pattern, right.colour) == ("broken", "yellow")
    np.testing.assert_allclose(left.points[[0, -1]], [(0, -0.2), (30, -0.2)], atol=1e-9)
    np.testing.assert_allclose(right.points[[0, -1]], [(0, 0.2), (30, 0.2)], atol=1e-9)
    assert (last.pattern, last.width_m) == ("broken", 0.25)
    np.testing.assert_allclose(last.points[[0, -1]], [(60, 0), (100, 0)], atol=1e-9)


def test_limits_are_read_in_their_units_and_lanes_overrule_roads() -> None:
    lanes = LANES.replace("</lane>\n", '<speed sOffset="50" max="10" unit="m/s"/></lane>\n')
    types = """<type s="0" type="town"><speed max="36" unit="km/h"/></type>
<type s="20" type="town"><speed max="30" unit="mph"/></type>
<type s="40" type="motorway"><speed max="no limit"/></type>"""
    network = parse_opendrive(one_road(lanes, extra=types))
    at = [round(network.speed_limit_at(1, -1, s), 3) for s in (0, 19, 21, 45, 51)]
    assert at == [10.0, 10.0, round(30 * 0.44704, 3), round(130 / 3.6, 3), 10.0]
    assert network.speed_limit_at(1, 5, 21.0) == pytest.approx(30 * 0.44704)
    index = network.lane_index
    assert index.speed_mps[index.start[0]] == pytest.approx(10.0)
    assert index.speed_mps[index.start[1] - 1] == pytest.approx(10.0)


def test_every_lane_type_is_read_and_unknown_ones_count_as_none() -> None:
    kinds = ["driving", "Parking", "biking", "bidirectional", "median", "HOV", "starship"]
    lanes = "".join(
        f'<lane id="{-i}" type="{kind}"><width a="1" b="0" c="0" d="0"/></lane>'
        for i, kind in enumerate(kinds, start=1)
    )
    text = one_road(f'<laneSection s="0"><right>{lanes}</right></laneSection>')
    section = parse_opendrive(text).roads[0].sections[0]
    assert [lane.kind for lane in section.lanes[1:]] == [
        "driving", "parking", "biking", "bidirectional", "median", "HOV", "none",
    ]  # fmt: skip


def test_left_hand_traffic_drives_on_the_left() -> None:
    network = parse_opendrive(one_road(attributes='junction="-1" rule="LHT"'))
    place = network.lane_index.nearest(30.0, 1.75)
    assert place is not None
    assert abs(place.yaw_rad) == pytest.approx(math.pi)
    assert network.spawn_points[0, 3] == pytest.approx(-180.0)


def test_objects_stand_where_the_file_says() -> None:
    objects = """<objects>
<object id="7" type="building" name="House" s="20" t="12" hdg="0" length="10" width="6" height="8"/>
<object id="8" type="building" s="50" t="10" zOffset="1" hdg="1.5707963267948966" height="5">
<outlines><outline><cornerLocal u="-3" v="-2"/><cornerLocal u="3" v="-2"/><cornerLocal u="3" v="2"/>
</outline></outlines></object>
<object id="9" type="crosswalk" s="70" t="0" hdg="1.5707963267948966" length="7" width="3"/>
<object id="10" type="barrier" s="0" t="0"><outline><cornerRoad s="1" t="2"/>
<cornerRoad s="2" t="2"/><cornerRoad s="2" t="3"/></outline></object></objects>"""
    network = parse_opendrive(one_road(extra=objects))
    house, other, barrier = network.objects
    assert (house.name, house.x_m, house.y_m, house.height_m) == ("House", 20.0, -12.0, 8.0)
    assert (house.length_m, house.width_m, house.corners) == (10.0, 6.0, ())
    np.testing.assert_allclose(other.corners, [(52, -7), (52, -13), (48, -13)], atol=1e-9)
    np.testing.assert_allclose(barrier.corners, [(1, -2), (2, -2), (2, -3)], atol=1e-9)
    (crosswalk,) = network.crosswalks
    assert crosswalk.centre == pytest.approx((70.0, 0.0))
    assert (crosswalk.length_m, crosswalk.width_m) == (7.0, 3.0)
    assert crosswalk.axis == pytest.approx((0.0, -1.0))


def test_signals_with_the_same_id_are_told_apart() -> None:
    signal = '<signal id="5" s="{}" t="-4" orientation="-" type="206" dynamic="no"/>'
    extra = f"<signals>{signal.format(20)}{signal.format(60)}</signals>"
    network = parse_opendrive(one_road(extra=extra))
    assert [(s.id, s.x_m, s.y_m, s.kind) for s in network.signals] == [
        ("5", 20.0, 4.0, "stop"),
        ("5#2", 60.0, 4.0, "stop"),
    ]
    assert [line.s_m for line in network.stop_lines] == [20.0, 60.0]

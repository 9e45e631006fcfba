"""Texts that are no OpenDRIVE maps, by accident or on purpose."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.roads import OpenDriveError, make_map, parse_opendrive
from carla_lite.roads.parsing import MAX_LANE_LENGTH_M

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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no element found"),
        ("<a/>", "line 1, <a>: the outermost element"),
        ("<OpenDRIVE/>", "no <road>"),
        ("<OpenDRIVE><road>", "not well-formed"),
        ("<!DOCTYPE a><OpenDRIVE/>", "document types and entities are refused"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><OpenDRIVE>&b;</OpenDRIVE>", "are refused"),
        ("<a>" * 100 + "</a>" * 100, "nested deeper"),
        ("\ud800", "surrogate"),
        (one_road(length="nan"), "line 2, <road id=\"1\">: length='nan' is no finite number"),
        (one_road(length="inf"), "length='inf'"),
        (one_road(length="1e7"), "length=1e+07 is out of range"),
        (one_road(length="1_0"), "length='1_0'"),
        (one_road(length=0), "no <geometry> of any length"),
        (one_road(length=-5), "must not be negative"),
        (one_road(shape=""), "holds none of line, arc, spiral, poly3, paramPoly3"),
        (one_road(shape='<arc curvature="1e9"/>'), "curvature=1e+09 is out of range"),
        (one_road(shape='<arc curvature="99"/>'), "turns by more than 1000 rad"),
        (one_road(shape='<arc/>'), "'curvature' is missing"),
        (one_road(shape='<paramPoly3 aU="1"/>'), "it is a point"),
        (one_road(lanes=""), "no <laneSection>"),
        (one_road(lanes=LANES.replace('s="0"', 's="500"')), "no <laneSection>"),
        (one_road(lanes=LANES.replace('id="-1"', 'id="x"')), "id='x' is no whole number"),
        (one_road(lanes=LANES.replace('id="-1"', 'id="-99999"')), "-1000 to 1000"),
        (one_road(lanes=LANES.replace("</right>", '<lane id="-1"/></right>')), "the same id"),
        (one_road(lanes=LANES.replace('b="0"', 'b="1e300"')), "b=1e+300 is out"),
        (one_road(attributes='junction="north"'), "junction='north' is no whole number"),
        (
            one_road(extra='<type s="0"><speed max="5" unit="knots"/></type>'),
            "unit='knots' is none of m/s, mph and km/h",
        ),
        (one_road().replace("</OpenDRIVE>", "") + one_road()[len("<OpenDRIVE>") :], "the same id"),
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_what_is_no_map_is_refused_by_line_element_and_attribute(text: str, message: str) -> None:
    with pytest.raises(OpenDriveError) as error:
        parse_opendrive(text)
    assert message in str(error.value)


def test_a_map_too_large_to_work_with_is_refused() -> None:
    lane = '<lane id="{}" type="driving"><width a="3" b="0" c="0" d="0"/></lane>'
    lanes = "".join(lane.format(-i) for i in range(1, 1000))
    text = one_road(
        f'<laneSection s="0"><right>{lanes}</right></laneSection>', length=MAX_LANE_LENGTH_M / 990
    )
    with pytest.raises(OpenDriveError, match="the most are"):
        parse_opendrive(text)


def _mutated(text: str, rng: random.Random) -> str:
    """A text with a few things of XML replaced, doubled or taken away."""
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(4)
        if kind == 0:
            values = list(re.finditer(r'"[^"<]*"', text))
            value = rng.choice(values)
            new = rng.choice(["nan", "-1", "1e308", "", "0", "x", "-1e-320", "99999", "[]", "1e5"])
            text = f'{text[: value.start()]}"{new}"{text[value.end() :]}'
        elif kind == 1:
            tags = list(re.finditer(r"<[^>]*/>", text))
            tag = rng.choice(tags)
            text = text[: tag.start()] + tag[0] * rng.choice((0, 2, 3)) + text[tag.end() :]
        elif kind == 2:
            cut = rng.randrange(len(text))
            text = text[:cut] + text[cut + rng.randrange(1, 40) :]
        else:
            names = list(re.finditer(r"\b(s|id|a|width|type|hdg|line|lane|road)\b", text))
            name = rng.choice(names)
            text = text[: name.start()] + "t" + text[name.end() :]
    return text


@given(st.integers(0, 2**32), st.sampled_from(["LiteTown_3", "LiteCircuit_1", "one"]))
@settings(max_examples=60, deadline=None)
def test_a_damaged_map_is_read_or_refused_and_never_breaks_its_reader(seed: int, name: str) -> None:
    original = one_road() if name == "one" else make_map(name).to_opendrive()
    text = _mutated(original, random.Random(seed))
    try:
        network = parse_opendrive(text)
    except OpenDriveError as error:
        assert str(error)
        return
    assert np.all(np.isfinite(network.spawn_points))
    assert np.all(np.isfinite(network.bounds))
    assert np.all(np.isfinite(network.lane_index.stations))
    for line in network.stop_lines:
        assert np.all(np.isfinite([line.start, line.end]))


@given(st.text(max_size=200))
@settings(max_examples=50, deadline=None)
def test_any_text_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(OpenDriveError, match=r"."):
        parse_opendrive(text)

"""The page: whole, self-contained, and safe whatever the texts in it say."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.metrics import score
from td3_driving.evaluation.records import EpisodeRecord
from td3_driving.evaluation.report.page import render, write_report
from td3_driving.evaluation.report.pictures import film_strip
from td3_driving.evaluation.report.svg import histogram, map_picture
from td3_driving.evaluation.results import (
    DrivenEpisode,
    DriverResult,
    Evaluation,
    Film,
    ending_in_words,
)

NASTY = '<script>alert("1")</script>&"\''
STEPS = 120


def episode(share: float = 1.0, map_name: str = "LiteCircuit_700000") -> DrivenEpisode:
    """A drive along a circle of 100 m radius; 60 m are planned."""
    along = np.linspace(0.0, 60.0 * share, STEPS)
    reason = EpisodeEnd.ROUTE_DONE if share == 1.0 else EpisodeEnd.OFF_LANE
    record = EpisodeRecord(
        s_m=along,
        lateral_m=np.full(STEPS, 0.3),
        heading_error_rad=np.zeros(STEPS),
        speed_mps=np.linspace(0.0, 8.0, STEPS),
        yaw_rate_radps=np.full(STEPS, 0.05),
        steer=np.zeros(STEPS),
        x_m=100.0 * np.sin(along / 100.0),
        y_m=100.0 * (1.0 - np.cos(along / 100.0)),
        yaw_rad=along / 100.0,
        tick_s=0.05,
        distance_m=60.0,
        target_speed_mps=8.0,
        reason=reason,
    )
    angle = np.linspace(0.0, 2.0, 200)
    route = np.column_stack([100.0 * np.sin(angle), 100.0 * (1.0 - np.cos(angle))])
    frames = np.arange(3 * 84 * 84, dtype=np.uint32).astype(np.uint8).reshape(3, 84, 84)
    return DrivenEpisode(map_name, 1, record, score(record), route, "2.1 m off", frames)


def driver(name: str, *shares: float, kind: str = "policy", group: str = "") -> DriverResult:
    episodes = [episode(share, f"LiteCircuit_{i}") for i, share in enumerate(shares)]
    return DriverResult(name, group or name, kind, episodes, {"training: seed": "3"})


def evaluation(*drivers: DriverResult, film: Film | None = None) -> Evaluation:
    return Evaluation("lane_keeping", {"command": "td3-driving evaluate"}, drivers, True, film)


class Page(html.parser.HTMLParser):
    """The elements of a page and the texts in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_needs_nothing_from_anywhere_and_runs_nothing() -> None:
    text = render(evaluation(driver("mine", 1.0, 0.5), driver("random", 0.1, 0.2, kind="baseline")))
    page = Page(text)
    assert not page.named("script") and not page.named("link") and not page.named("iframe")
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith("data:")
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", text) and "url(" not in text
    policies = [m["content"] for m in page.named("meta") if "http-equiv" in m]
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policies == [
        f"default-src 'none'; img-src data:; media-src data:; style-src 'sha256-{digest}'"
    ]


def test_texts_of_others_are_shown_and_never_believed() -> None:
    bad = episode(0.5, NASTY)
    nasty = DriverResult(NASTY, NASTY, "policy", [bad, episode()], {NASTY: NASTY})
    shown = Evaluation(NASTY, {NASTY: NASTY}, [nasty, driver("b", 1.0)], False)
    page = Page(render(shown))
    assert not page.named("script")
    assert any(NASTY in text for text in page.texts)


def test_every_driver_has_its_row_with_figures_and_intervals() -> None:
    page = Page(
        render(evaluation(driver("mine", 1.0, 0.5), driver("random", 0.25, kind="baseline")))
    )
    texts = page.texts
    assert (
        "Mine drives 75.0\N{NO-BREAK SPACE}% of the way" in texts[texts.index("lane keeping") + 1]
    )
    for name, completion in (("mine", "75.0"), ("random", "25.0")):
        row = texts[texts.index(name) :]
        assert row[2] == completion
    assert "50.0 to 100.0" in texts
    assert "left the lane" in texts and "arrived" in texts


def test_policies_of_one_group_are_averaged_in_a_row_of_their_own() -> None:
    runs = [driver(f"seed {i}", share, group="all") for i, share in enumerate((0.8, 0.9, 0.85))]
    shown = evaluation(*runs, driver("random", 0.1, kind="baseline"))
    assert set(shown.groups()) == {"all"}
    texts = Page(render(shown)).texts
    assert "All drive 85.0\N{NO-BREAK SPACE}% of the way" in texts[texts.index("lane keeping") + 1]
    assert "mean of 3" in texts


def test_the_json_is_strict_versioned_and_says_what_the_page_says(tmp_path: Path) -> None:
    page = write_report(tmp_path / "new" / "folder", evaluation(driver("mine", 1.0, 0.5)))
    assert page.name == "report.html"
    told = json.loads((page.parent / "report.json").read_text())
    assert (told["schema"], told["task"], told["complete"]) == (1, "lane_keeping", True)
    mine = told["drivers"][0]
    assert mine["summary"]["completion_pct"] == pytest.approx(75.0)
    assert [e["ended_by"] for e in mine["episodes"]] == ["route_done", "off_lane"]
    assert mine["episodes"][1]["ended_at"] == pytest.approx([29.552, 4.466], abs=1e-3)
    assert told["means"] == []


def test_the_same_evaluation_makes_the_same_page() -> None:
    shown = evaluation(driver("mine", 1.0, 0.5))
    assert render(shown) == render(shown)


def test_an_unfinished_evaluation_says_so() -> None:
    shown = Evaluation("urban", {}, [driver("mine", 0.5)], complete=False)
    assert any("stopped before all episodes" in text for text in Page(render(shown)).texts)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.001])
def test_a_map_shows_the_way_driven_within_its_frame(share: float) -> None:
    svg = ElementTree.fromstring(str(map_picture(episode(share), 8.0)))
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    trail = [line for line in svg if line.attrib.get("class") == "trail"]
    places = [
        tuple(map(float, place.split(",")))
        for line in trail
        for place in line.attrib["points"].split()
    ]
    assert all(0.0 <= x <= width and 0.0 <= y <= height for x, y in places)
    colours = {line.attrib["stroke"] for line in trail}
    assert len(colours) > 3 or share < 0.1
    marks = [element.attrib.get("class") for element in svg]
    assert ("good" in marks) == (share == 1.0) and ("bad" in marks) == (share < 1.0)
    assert ending_in_words(EpisodeEnd.OFF_LANE) in svg.attrib["aria-label"] or share == 1.0


def test_every_end_has_words() -> None:
    words = [ending_in_words(end) for end in EpisodeEnd]
    assert len(set(words)) == len(words) and "_" not in "".join(words)


def test_a_histogram_counts_and_marks_the_median() -> None:
    svg = ElementTree.fromstring(str(histogram(np.array([1.0, 1.0, 1.0, 9.0]), 0.0, 24.0, "m")))
    bars = [bar for bar in svg if bar.attrib.get("class") == "bar"]
    assert [float(bar.attrib["height"]) for bar in bars] == pytest.approx([46.0, 15.3], abs=0.05)
    assert "median 1.0 m" in svg.attrib["aria-label"]
    everything_beyond = str(histogram(np.full(5, 99.0), 0.0, 2.0, "m"))
    assert everything_beyond.count('class="bar"') == 1


def test_a_strip_holds_the_pictures_side_by_side() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 84, 84), dtype=np.uint8)
    kind, _, content = film_strip(frames).partition(";base64,")
    assert kind == "data:image/png"
    png = np.frombuffer(base64.b64decode(content), np.uint8)
    strip = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
    assert strip is not None and strip.shape == (84, 3 * 84 + 2 * 2)
    assert np.array_equal(strip[:, 86 : 86 + 84], frames[1])
    assert film_strip(frames[:0]) == ""


def test_the_film_plays_at_the_pace_of_the_simulation(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (20, 84, 84), dtype=np.uint8)
    film = Film("mine", episode(), frames, np.zeros((20, 2), np.float32), ticks=2)
    page = Page(render(evaluation(driver("mine", 1.0), film=film)))
    uri = page.named("video")[0]["src"] or ""
    assert uri.startswith("data:video/webm;base64,")
    file = tmp_path / "film.webm"
    file.write_bytes(base64.b64decode(uri.partition(",")[2]))
    video = cv2.VideoCapture(str(file))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(10.0)
    count = 0
    while video.read()[0]:
        count += 1
    assert count == 20

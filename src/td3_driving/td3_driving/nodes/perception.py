"""perception: the camera's pictures to the stack of small grey frames that the agent sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from std_msgs.msg import Header

from td3_driving.driving.picture import FrameStack, grey_84
from td3_driving.nodes.managed import ManagedNode
from td3_driving.nodes.running import run_node
from td3_driving.parameters import parameter
from td3_driving.ros import topics
from td3_driving.ros.diagnostics import OK, WARN, Health
from td3_driving.ros.images import decode
from td3_driving.ros.messages import InvalidMessage, to_image, to_ns
from td3_driving.ros.pairing import StampPairer


@dataclass(frozen=True)
class PerceptionParameters:
    """The perception node's parameters."""

    frame_stride: int = parameter(
        2, "ticks between the frames of a stack; the agent's action_repeat", "", 1, 20
    )
    crop_top: float = parameter(0.0, "share of the picture cut off at the top", "", 0.0, 0.9)
    crop_bottom: float = parameter(0.0, "share cut off at the bottom", "", 0.0, 0.9)
    crop_left: float = parameter(0.0, "share cut off at the left", "", 0.0, 0.9)
    crop_right: float = parameter(0.0, "share cut off at the right", "", 0.0, 0.9)

    def contradictions(self) -> Iterator[str]:
        """One sentence for each."""
        for one, other in (("crop_top", "crop_bottom"), ("crop_left", "crop_right")):
            total = getattr(self, one) + getattr(self, other)
            if total >= 1.0:
                yield (
                    f"{one} + {other} are {total:g} and leave nothing of the picture; "
                    "their sum must be below 1"
                )


class Perception(ManagedNode[PerceptionParameters]):
    """Takes rgb_front/image and frame; gives observation/image, and observation/frames to see it.

    Observation: 84x84, encoding 8UC4, channel i being the stack's frame i, newest last. At the
    start of an episode the stack is filled with its first frame, so no stack spans two episodes.
    """

    DEPTH = 4

    def __init__(self, **options: Any) -> None:
        super().__init__("perception", PerceptionParameters, "camera", **options)

    def configure(self, parameters: PerceptionParameters) -> None:
        """As ManagedNode.configure."""
        self._crop = (
            parameters.crop_top, parameters.crop_bottom,
            parameters.crop_left, parameters.crop_right,
        )  # fmt: skip
        self._stack = FrameStack(self.DEPTH, parameters.frame_stride)
        self._pairer = StampPairer(("image", "frame"))
        self._last: tuple[int, int] | None = None
        self.published = self.invalid = self.gaps = 0
        self._out = topics.OBSERVATION.publisher(self)
        self._frames = topics.OBSERVATION_FRAMES.publisher(self)
        self._watch.subscription(topics.IMAGE, lambda m: self._take("image", m))
        self._watch.subscription(topics.FRAME, lambda m: self._take("frame", m))

    def deactivate(self) -> None:
        """As ManagedNode.deactivate: the next stack begins with an episode."""
        self._pairer.clear()
        self._last = None

    def _take(self, name: str, message: Any) -> None:
        if not self.active:
            return
        try:
            stamp = to_ns(message.header.stamp)
            value = (*decode(message), message.header) if name == "image" else message
            pair = self._pairer.add(stamp, name, value)
            if pair is not None:
                self._see(pair["frame"], *pair["image"])
        except ValueError as error:
            self.invalid += 1
            self.get_logger().error(f"{name} ignored: {error}", throttle_duration_sec=1.0)

    def _see(self, frame: Any, pixels: np.ndarray, encoding: str, head: Header) -> None:
        if frame.episode == 0:
            return  # before the first reset, at a fixed rate: nobody drives, so nobody looks
        first = frame.step == 0
        expected = None if self._last is None else (self._last[0], self._last[1] + 1)
        if not first and (frame.episode, frame.step) != expected:
            self.gaps += 1
            if self._last is None or self._last[0] != frame.episode:
                raise InvalidMessage(
                    f"step {frame.step} of episode {frame.episode}, whose first frame was missed; "
                    "waiting for the next episode"
                )
        small = grey_84(pixels, encoding, self._crop)
        stack = self._stack.push(small, first)
        self._last = (frame.episode, frame.step)
        picture = np.ascontiguousarray(stack.transpose(1, 2, 0))
        self._out.publish(to_image(picture, "8UC4", head))
        if self._frames.get_subscription_count():
            self._frames.publish(to_image(np.hstack(list(stack)), "mono8", head))
        self.published += 1

    def health(self) -> Health:
        """As ManagedNode.health."""
        bad = self.invalid + self.gaps
        figures = {
            "published": self.published, "invalid": self.invalid,
            "gaps": self.gaps, "unpaired": self._pairer.dropped,
        }  # fmt: skip
        return (WARN if bad else OK), ("frames were lost or refused" if bad else "seeing"), figures


def main() -> int:
    """Runs the node."""
    return run_node(Perception)

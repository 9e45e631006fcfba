"""What a TD3 learner is made of, in one immutable record."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Encoder = Literal["separate", "shared_critic", "shared_actor"]

SINCE: dict[str, Any] = {"encoder": "separate"}
"""Fields that earlier files lack, and what was meant without them."""


@dataclass(frozen=True)
class TD3Config:
    """Sizes and rates of a learner; the defaults are the recipe measured to learn lane keeping.

    Raises:
        ValueError: from the constructor, naming the field, its value and what is allowed.
    """

    # --- Networks ---
    image_shape: tuple[int, int, int] | None = (4, 84, 84)
    """(frames, rows, columns) of the stacked grey pictures; rows and columns at least 36. None: no
    pictures and no CNNs; actor and critics see the vector alone."""
    vector_dim: int = 53
    """Length of the vector that is joined to the picture's features, if there is one."""
    action_dim: int = 2
    """Length of an action; every component lies in [-1, 1]."""
    image_centre: float = 0.4
    """Subtracted from pixels / 255: about a road picture's mean, so that inputs are centred."""
    features_dim: int = 512
    """Length of a NatureCNN's output."""
    encoder: Encoder = "separate"
    """separate: actor and critic have a CNN each, trained by their own loss. shared_critic and
    shared_actor: both look through one CNN, which the critic's or the actor's loss alone trains."""
    hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers of the actor's and of each critic's MLP."""
    actor_last_layer_scale: float = 0.05
    """Factor on the actor's initial last layer: first actions are near 0, where tanh has slope."""

    # --- TD3 (Fujimoto et al. 2018, https://arxiv.org/abs/1802.09477) ---
    gamma: float = 0.99
    """Discount per step."""
    tau: float = 0.005
    """Share of the online weights that enters the target weights at each target update."""
    policy_delay: int = 2
    """Critic updates per update of the actor and the targets."""
    target_noise: float = 0.2
    """Standard deviation of the target policy smoothing noise."""
    target_noise_clip: float = 0.5
    """Bound on the smoothing noise."""

    # --- Optimisation ---
    actor_lr: float = 1e-4
    """Adam's rate for actor_cnn and actor; 1e-3, the paper's, saturates the actor from pixels."""
    critic_lr: float = 3e-4
    """Adam's rate for critic_cnn and critic."""
    batch_size: int = 64
    """Transitions per update."""
    actor_grad_clip: float = 1.0
    """Bound on the global gradient norm of actor_cnn and actor together."""
    critic_grad_clip: float = 10.0
    """Bound on the global gradient norm of critic_cnn and critic together."""
    pretanh_l2: float = 1e-3
    """Weight of the mean squared pre-tanh action in the actor's loss; keeps the actor alive."""
    actor_average_decay: float = 0.995
    """Per actor update; the averaged actor is a second candidate policy."""

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Refuses what cannot work, by name."""
        for name in ("vector_dim", "action_dim", "features_dim", "policy_delay", "batch_size"):
            self._require(name, _is_positive_int(getattr(self, name)), "a whole number above 0")
        self._require(
            "image_shape",
            self.image_shape is None
            or (
                len(self.image_shape) == 3
                and all(_is_positive_int(size) for size in self.image_shape)
                and min(self.image_shape[1:]) >= 36
            ),
            "(frames, rows, columns), whole numbers, with at least 36 rows and columns; or None",
        )
        self._require(
            "encoder", self.encoder in get_args(Encoder), f"one of {', '.join(get_args(Encoder))}"
        )
        self._require(
            "hidden",
            len(self.hidden) > 0 and all(_is_positive_int(width) for width in self.hidden),
            "at least one whole number above 0",
        )
        for name in ("actor_lr", "critic_lr", "actor_grad_clip", "critic_grad_clip"):
            self._require(name, _within(getattr(self, name), 0.0, math.inf, open_low=True), "> 0")
        self._require("actor_last_layer_scale", _within(self.actor_last_layer_scale, 0, 10), ">= 0")
        self._require("tau", _within(self.tau, 0.0, 1.0, open_low=True), "in (0, 1]")
        for name in ("gamma", "image_centre", "actor_average_decay"):
            self._require(name, _within(getattr(self, name), 0.0, 1.0), "in [0, 1]")
        for name in ("target_noise", "target_noise_clip", "pretanh_l2"):
            self._require(name, _within(getattr(self, name), 0.0, math.inf), ">= 0")

    @property
    def state_dim(self) -> int:
        """Length of what actor and critics see: the picture's features, if any, and the vector."""
        return self.vector_dim + (0 if self.image_shape is None else self.features_dim)

    @property
    def shares_cnn(self) -> bool:
        """Whether actor and critic look through one CNN."""
        return self.encoder != "separate"

    def trains_cnn(self, name: str) -> bool:
        """Whether the loss of the "actor" or the "critic" trains the CNN it looks through."""
        return self.encoder in ("separate", f"shared_{name}")

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-able values."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TD3Config:
        """The inverse of to_dict; also of what an earlier version wrote.

        Raises:
            ValueError: a name is unknown, missing or out of range.
        """
        known, values = {field.name for field in fields(cls)}, SINCE | values
        if set(values) != known:
            raise ValueError(
                f"TD3Config: unknown fields {sorted(set(values) - known)}, "
                f"missing fields {sorted(known - set(values))}"
            )
        fixed: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**fixed)

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise ValueError(f"TD3Config.{name} is {getattr(self, name)!r}; it must be {allowed}")


def _is_positive_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _within(value: float, low: float, high: float, *, open_low: bool = False) -> bool:
    return math.isfinite(value) and (low < value if open_low else low <= value) and value <= high

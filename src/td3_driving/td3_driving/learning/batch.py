"""A batch of transitions: as the replay hands it out, and as the update takes it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from td3_driving.learning.config import TD3Config
from td3_driving.learning.errors import NonFiniteError, ShapeError


@dataclass(frozen=True)
class Batch:
    """B transitions as arrays. Over n steps, the next observation lies n steps ahead."""

    image: np.ndarray | None
    """uint8 (B, frames, rows, columns), newest frame last; None in a learner without pictures."""
    vector: np.ndarray
    """float32 (B, vector_dim)."""
    action: np.ndarray
    """float32 (B, action_dim), each in [-1, 1]."""
    reward: np.ndarray
    """float32 (B,); over n steps their discounted sum."""
    next_image: np.ndarray | None
    """uint8, as image."""
    next_vector: np.ndarray
    """float32, as vector."""
    terminated: np.ndarray
    """bool (B,): the value ends here. A truncated transition is False: it bootstraps."""
    discount: np.ndarray
    """float32 (B,): gamma to the number of steps that the reward spans."""


@dataclass(frozen=True)
class TensorBatch:
    """A batch that has been checked: shapes fit the configuration and every number is finite."""

    observation: dict[str, Tensor]
    """image uint8 (B, frames, rows, columns), unless there are none, and vector (B, vector_dim)."""
    action: Tensor
    """(B, action_dim)."""
    reward: Tensor
    """(B, 1)."""
    next_observation: dict[str, Tensor]
    """as observation."""
    bootstrap: Tensor
    """(B, 1): the factor on the next value; the discount, or 0 where terminated."""

    @classmethod
    def of(cls, batch: Batch, config: TD3Config) -> TensorBatch:
        """Checks a batch and makes tensors of it, pictures channels last in memory.

        Raises:
            ShapeError: an array has another shape or dtype than the configuration says.
            NonFiniteError: an array holds NaN or infinity.
        """
        size = len(batch.reward)
        expected: dict[str, tuple[type, tuple[int, ...]]] = {
            "vector": (np.float32, (size, config.vector_dim)),
            "action": (np.float32, (size, config.action_dim)),
            "reward": (np.float32, (size,)),
            "next_vector": (np.float32, (size, config.vector_dim)),
            "terminated": (np.bool_, (size,)),
            "discount": (np.float32, (size,)),
        }
        if config.image_shape is not None:
            picture = (np.uint8, (size, *config.image_shape))
            expected |= {"image": picture, "next_image": picture}
        tensors = {}
        for name in (field.name for field in fields(batch)):
            array = getattr(batch, name)
            if name not in expected:
                if array is not None:
                    raise ShapeError(f"batch.{name} must be None: the learner sees no pictures")
                continue
            check_array(f"batch.{name}", array, *expected[name])
            tensors[name] = torch.from_numpy(array)
            if tensors[name].ndim == 4:  # once here, not in each of the four CNNs
                tensors[name] = tensors[name].contiguous(memory_format=torch.channels_last)
        return cls(
            observation={k: tensors[k] for k in ("image", "vector") if k in tensors},
            action=tensors["action"],
            reward=tensors["reward"].unsqueeze(1),
            next_observation={k: tensors[f"next_{k}"] for k in ("image", "vector") if k in tensors},
            bootstrap=(tensors["discount"] * ~tensors["terminated"]).unsqueeze(1),
        )

    def to(self, device: torch.device) -> TensorBatch:
        """The same batch on another device."""
        return TensorBatch(
            {name: tensor.to(device) for name, tensor in self.observation.items()},
            self.action.to(device),
            self.reward.to(device),
            {name: tensor.to(device) for name, tensor in self.next_observation.items()},
            self.bootstrap.to(device),
        )


def check_array(name: str, array: np.ndarray | None, dtype: type, shape: tuple[int, ...]) -> None:
    """Refuses an array of another dtype or shape, or with NaN or infinity in it.

    Raises:
        ShapeError: wrong dtype or shape.
        NonFiniteError: not finite.
    """
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        got = (
            f"{array.dtype} {array.shape}"
            if isinstance(array, np.ndarray)
            else type(array).__name__
        )
        raise ShapeError(
            f"{name} must be a numpy array of {np.dtype(dtype)} {shape} and is {got}; "
            "check that the learner's configuration is the one of whoever made it"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise NonFiniteError(
            f"{name} holds {array[tuple(where)]} at index {where}; "
            "look at the sensor or the reward it came from"
        )


def check_sizes(name: str, **sizes: object) -> None:
    """Refuses what is no whole number above 0.

    Raises:
        ValueError: by the size's name.
    """
    for what, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ValueError(f"{name}: {what} is {size!r}; it must be a whole number above 0")

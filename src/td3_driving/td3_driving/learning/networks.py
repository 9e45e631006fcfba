"""The networks: NatureCNN, actor and twin critic.

Every initial weight comes from the generator handed in, so that a seed names a learner whatever
else draws random numbers in the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from td3_driving.learning.config import TD3Config
from td3_driving.learning.errors import ShapeError
from td3_driving.learning.linear import Linear


class NatureCNN(nn.Module):
    """Stacked pictures to features: the network of Mnih et al. 2015 (Nature 518, 529-533).

    conv 32x8s4, conv 64x4s2, conv 64x3s1, flatten (3136 at 84x84), linear; ReLU after each.
    Parameter names are those of stable-baselines3's NatureCNN, so weights can be exchanged.

    Args:
        image_shape: (frames, rows, columns).
        features_dim: length of the output.
        centre: the input is pixels / 255 - centre.
        generator: source of the initial weights (Kaiming uniform for ReLU; biases 0).
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        features_dim: int,
        centre: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.features_dim = features_dim
        self.centre = centre
        frames, rows, columns = image_shape
        for kernel, stride in ((8, 4), (4, 2), (3, 1)):
            rows, columns = (rows - kernel) // stride + 1, (columns - kernel) // stride + 1
        self.cnn = nn.Sequential(
            _kaiming(skip_init(nn.Conv2d, frames, 32, kernel_size=8, stride=4), generator),
            nn.ReLU(),
            _kaiming(skip_init(nn.Conv2d, 32, 64, kernel_size=4, stride=2), generator),
            nn.ReLU(),
            _kaiming(skip_init(nn.Conv2d, 64, 64, kernel_size=3, stride=1), generator),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.linear = nn.Sequential(
            _kaiming(skip_init(Linear, 64 * rows * columns, features_dim), generator),
            nn.ReLU(),
        )

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights and the features."""
        return next(self.parameters()).dtype

    def forward(self, image: Tensor) -> Tensor:
        """Pictures uint8 (B, frames, rows, columns) to features (B, features_dim).

        Raises:
            ShapeError: wrong dtype or shape.
        """
        if image.dtype != torch.uint8 or image.shape[1:] != self.image_shape:
            raise ShapeError(
                f"NatureCNN takes uint8 pictures of shape (batch, {self.image_shape[0]}, "
                f"{self.image_shape[1]}, {self.image_shape[2]}), frames first, and got "
                f"{str(image.dtype).removeprefix('torch.')} {tuple(image.shape)}. It scales by "
                "255 itself: pass raw pixels, add the batch axis with [None], and move a trailing "
                "channel axis to the front."
            )
        # Channels last: conv1's backward pass takes a quarter of the time on a CPU.
        pixels = image.contiguous(memory_format=torch.channels_last).to(self.dtype)
        return self.linear(self.cnn(pixels.div_(255.0).sub_(self.centre)))


class NoCNN(nn.Module):
    """Stands where a CNN would in a learner without pictures: no weights, no features."""


def make_cnn(config: TD3Config, generator: torch.Generator) -> NatureCNN | NoCNN:
    """The one factory of CNNs: call it once for the actor's and once for the critic's."""
    if config.image_shape is None:
        return NoCNN()
    return NatureCNN(config.image_shape, config.features_dim, config.image_centre, generator)


class Actor(nn.Module):
    """State (features joined to the vector) to an action in (-1, 1).

    The last layer is scaled down by `actor_last_layer_scale`, so that the first actions lie where
    tanh has slope.
    """

    def __init__(self, config: TD3Config, generator: torch.Generator) -> None:
        super().__init__()
        self.mlp = _mlp((config.state_dim, *config.hidden, config.action_dim), generator)
        with torch.no_grad():
            for parameter in self.mlp[-1].parameters():
                parameter.mul_(config.actor_last_layer_scale)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """State (B, state_dim) to (action, pre_tanh), each (B, action_dim)."""
        pre_tanh = self.mlp(state)
        return torch.tanh(pre_tanh), pre_tanh


class TwinCritic(nn.Module):
    """State and action to two independent estimates of the return."""

    def __init__(self, config: TD3Config, generator: torch.Generator) -> None:
        super().__init__()
        input_dim = config.state_dim + config.action_dim
        self.q1_mlp = _mlp((input_dim, *config.hidden, 1), generator)
        self.q2_mlp = _mlp((input_dim, *config.hidden, 1), generator)

    def forward(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """State (B, state_dim) and action (B, action_dim) to Q1, Q2, each (B, 1)."""
        joined = torch.cat((state, action), dim=1)
        return self.q1_mlp(joined), self.q2_mlp(joined)

    def q1(self, state: Tensor, action: Tensor) -> Tensor:
        """The first estimate alone (B, 1); the actor climbs it."""
        return self.q1_mlp(torch.cat((state, action), dim=1))


def _kaiming(layer: nn.Module, generator: torch.Generator) -> nn.Module:
    """He et al. 2015 (https://arxiv.org/abs/1502.01852) for ReLU, with biases 0."""
    for name, parameter in layer.named_parameters():
        if name == "weight":
            nn.init.kaiming_uniform_(parameter, nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(parameter)
    return layer


def _mlp(widths: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Linear layers with ReLU between them, initialised as torch does: U(+-1/sqrt(fan in))."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        linear = skip_init(Linear, fan_in, fan_out)
        for parameter in linear.parameters():
            nn.init.uniform_(parameter, -(fan_in**-0.5), fan_in**-0.5, generator=generator)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])

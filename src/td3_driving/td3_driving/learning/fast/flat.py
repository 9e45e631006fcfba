"""Parameters and their optimiser state as single vectors, and Adam's step over them.

One kernel then does what took dozens: norms, the step, Polyak averaging.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


class FlatParameters:
    """The parameters of some modules as one vector, of which they become views.

    Attributes:
        parameters: in the modules' order.
        vector: float (N,), what they are views of.
    """

    def __init__(self, *modules: nn.Module) -> None:
        self.parameters = [p for module in modules for p in module.parameters()]
        self.vector = torch.cat([p.detach().reshape(-1) for p in self.parameters])
        for parameter, view in zip(self.parameters, self.views(self.vector), strict=True):
            parameter.data = view

    def views(self, vector: Tensor) -> list[Tensor]:
        """Another vector of this length, cut up and shaped as the parameters are."""
        parts = vector.split([p.numel() for p in self.parameters])
        return [part.view_as(p) for part, p in zip(parts, self.parameters, strict=True)]


class FlatAdam:
    """Kingma and Ba 2015 (https://arxiv.org/abs/1412.6980), as torch.optim.Adam computes it.

    It takes over the state of a torch optimiser and leaves it there as views, so that saving,
    loading and going on with either work as ever.
    """

    def __init__(
        self, flat: FlatParameters, optimizer: torch.optim.Optimizer, split: int, limit: float
    ) -> None:
        """
        Args:
            flat: what is optimised.
            optimizer: torch's Adam over the same parameters in the same order.
            split: parameters (from the first) that belong to the CNN; for the norms.
            limit: bound on the global gradient norm.
        """
        self.flat, self.limit = flat, limit
        self._optimizer = optimizer
        group = optimizer.param_groups[0]
        self.lr, (self.beta1, self.beta2), self.eps = group["lr"], group["betas"], group["eps"]
        self.split = sum(p.numel() for p in flat.parameters[:split])
        self.mean, self.square = torch.zeros_like(flat.vector), torch.zeros_like(flat.vector)
        self.steps = torch.zeros(len(flat.parameters), device=flat.vector.device)
        self.adopt()

    def adopt(self) -> None:
        """Copies the torch optimiser's state, as loaded from a checkpoint, and shares it again."""
        state = self._optimizer.state
        views = zip(
            self.flat.parameters,
            self.flat.views(self.mean),
            self.flat.views(self.square),
            self.steps,
            strict=True,
        )
        for parameter, mean, square, step in views:
            mine = {"step": step, "exp_avg": mean, "exp_avg_sq": square}
            for name, tensor in mine.items():
                if state.get(parameter):
                    tensor.copy_(state[parameter][name])
                else:
                    tensor.zero_()
            state[parameter] = mine


def adam_step(
    vector: Tensor,
    mean: Tensor,
    square: Tensor,
    gradients: Sequence[Tensor],
    step_size: Tensor,
    root_correction: Tensor,
    adam: FlatAdam,
    loss: Tensor,
    scale: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """One clipped step in place, or none at all when loss or gradients are not finite.

    Args:
        vector, mean, square: (N,), changed.
        gradients: of `scale` times the loss, one for each parameter.
        step_size, root_correction: (), see `bias_corrections`.
        adam: rates, limit, split.
        loss: ().
        scale: (), what the loss was multiplied by.

    Returns:
        Norms of the CNN's and of the MLP's gradient (), and whether the step was taken, bool ().
    """
    gradient = torch.cat([g.reshape(-1) for g in gradients]).to(vector.dtype) / scale
    cnn_norm = torch.linalg.vector_norm(gradient[: adam.split])
    mlp_norm = torch.linalg.vector_norm(gradient[adam.split :])
    norm = torch.hypot(cnn_norm, mlp_norm)
    good = torch.isfinite(norm) & torch.isfinite(loss)
    # torch.nn.utils.clip_grads_with_norm_ has the same 1e-6.
    gradient = gradient * (adam.limit / (norm + 1e-6)).clamp(max=1.0)
    new_mean = mean.lerp(gradient, 1.0 - adam.beta1)
    new_square = square * adam.beta2 + gradient * gradient * (1.0 - adam.beta2)
    denominator = new_square.sqrt() / root_correction + adam.eps
    new_vector = vector - step_size * (new_mean / denominator)
    vector.copy_(torch.where(good, new_vector, vector))
    mean.copy_(torch.where(good, new_mean, mean))
    square.copy_(torch.where(good, new_square, square))
    return cnn_norm, mlp_norm, good


def bias_corrections(adam: FlatAdam) -> tuple[Tensor, Tensor]:
    """Adam's step size and the root of its second correction for the next step, each ().

    In float64: in float32 the powers cost 2e-3 of the step.
    """
    step = adam.steps[0].double() + 1.0
    dtype = adam.flat.vector.dtype
    step_size = adam.lr / (1.0 - adam.beta1**step)
    return step_size.to(dtype), (1.0 - adam.beta2**step).sqrt().to(dtype)


def follow(followers: Iterable[Tensor], leaders: Iterable[Tensor], weight: float) -> None:
    """Each follower moves by `weight` towards its leader, in place."""
    for mine, theirs in zip(followers, leaders, strict=True):
        mine.lerp_(theirs, weight)

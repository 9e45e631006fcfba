"""Linear layers that multiply with oneDNN on a CPU.

torch multiplies float32 matrices with MKL, which keeps to AVX2 on processors that are not Intel's;
oneDNN, which torch carries for its convolutions, uses all that there is: twice as fast on an AMD
processor with AVX-512. `_linear_pointwise` is the operator behind torch's own fused layers; it
knows no gradient, so the three products of a layer stand here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SMALLEST_BATCH, SMALLEST_PRODUCT = 16, 2**19
"""Rows, and rows x inputs x outputs, from which a call of oneDNN is worth its overhead."""

_AVAILABLE = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class Linear(nn.Linear):
    """nn.Linear, on a CPU in float32 through oneDNN where that is faster."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_features) to (N, out_features)."""
        if (
            _AVAILABLE
            and x.ndim == 2
            and x.device.type == "cpu"
            and x.dtype == self.weight.dtype == torch.float32
            and len(x) >= SMALLEST_BATCH
            and x.numel() * self.out_features >= SMALLEST_PRODUCT
        ):
            return _OneDNN.apply(x, self.weight, self.bias)
        return super().forward(x)


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (N, i) times weight (o, i) transposed, plus bias (o,); both may be transposed views."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


class _OneDNN(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t()) if for_x else None,
            _product(gradient.t(), x.t()) if for_weight else None,
            gradient.sum(0) if for_bias else None,
        )

"""NatureCNN's forward pass over space-to-depth blocks.

A convolution of kernel 8 and stride 4 equals one of kernel 2 and stride 1 over 4 x 4 blocks whose
16 pixels are channels: the same products in the same sums, but with 64 input channels instead of
4, which fills a tensor core. Frames are kept in blocks: a picture is rearranged once in its life.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from td3_driving.learning.networks import NatureCNN, NoCNN

BLOCK = 4
"""Side of a block: the stride of conv1."""


def block_grid(rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of blocks that conv1 reads of a picture; what is beyond, it never sees."""
    return (rows - 8) // 4 + 2, (columns - 8) // 4 + 2


def to_blocks(frames: Tensor) -> Tensor:
    """uint8 (N, rows, columns) to uint8 (N, blocks, 16), blocks row by row, contiguous."""
    count = len(frames)
    down, across = block_grid(*frames.shape[1:])
    used = frames[:, : BLOCK * down, : BLOCK * across]
    grid = used.reshape(count, down, BLOCK, across, BLOCK)
    return grid.permute(0, 1, 3, 2, 4).reshape(count, down * across, BLOCK * BLOCK)


def stack_blocks(frames: Tensor, grid: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """Stacks as conv1 wants them.

    Args:
        frames: uint8 (N, stack, blocks, 16), newest last.
        grid: rows and columns of blocks.
        dtype: of the result.

    Returns:
        (N, 16 stack, rows, columns), channels last in memory, pixels / 256: exact in every dtype
        with 8 bits of significand, so a half-precision picture is not rounded at all.
    """
    count, stack = frames.shape[:2]
    pixels = frames.transpose(1, 2).to(dtype) * (1.0 / 256.0)
    return pixels.reshape(count, *grid, stack * BLOCK * BLOCK).permute(0, 3, 1, 2)


def conv1_weights(cnn: NatureCNN) -> tuple[Tensor, Tensor]:
    """conv1's kernel and bias for `stack_blocks`, with NatureCNN's scaling and centring in them."""
    kernel, bias = _conv_parameters(cnn, 0)
    out, stack = kernel.shape[:2]
    blocks = kernel.view(out, stack, 2, BLOCK, 2, BLOCK).permute(0, 1, 3, 5, 2, 4)
    return blocks.reshape(out, -1, 2, 2) * (256.0 / 255.0), bias - cnn.centre * kernel.sum(
        (1, 2, 3)
    )


def _conv_parameters(cnn: NatureCNN, index: int) -> tuple[Tensor, Tensor]:
    layer = cnn.cnn[index]
    assert isinstance(layer, nn.Conv2d) and layer.bias is not None
    return layer.weight, layer.bias


def _conv2_weights(cnn: NatureCNN) -> tuple[Tensor, Tensor]:
    """conv2's kernel (4, stride 2) as one of kernel 2 over 2 x 2 blocks, and its bias."""
    kernel, bias = _conv_parameters(cnn, 2)
    out, channels = kernel.shape[:2]
    blocks = kernel.view(out, channels, 2, 2, 2, 2).permute(0, 3, 5, 1, 2, 4)
    return blocks.reshape(out, 4 * channels, 2, 2), bias


def _blocks_of_two(x: Tensor) -> Tensor:
    """(N, C, rows, columns) to (N, 4 C, rows / 2, columns / 2), as `_conv2_weights` counts them."""
    count, channels, rows, columns = x.shape
    down, across = (rows - 4) // 2 + 2, (columns - 4) // 2 + 2
    used = x.permute(0, 2, 3, 1)[:, : 2 * down, : 2 * across]
    grid = used.reshape(count, down, 2, across, 2, channels).permute(0, 1, 3, 2, 4, 5)
    return grid.reshape(count, down, across, 4 * channels).permute(0, 3, 1, 2)


def _conv(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    kernel = kernel.to(x.dtype).contiguous(memory_format=torch.channels_last)
    return F.relu(F.conv2d(x, kernel, bias.to(x.dtype)))


def features(cnn: NatureCNN | NoCNN, pixels: Tensor) -> Tensor:
    """What `cnn(image)` gives, computed in the pixels' dtype.

    Args:
        cnn: the encoder.
        pixels: as `stack_blocks` makes them; (N, 0) without pictures, as are then the features.

    Returns:
        (N, features_dim), in the dtype that the heads shall compute in: float16 for float16, else
        that of the weights.
    """
    if isinstance(cnn, NoCNN):
        return pixels
    return _after_conv1(cnn, _conv(pixels, *conv1_weights(cnn)))


def features_of_two(
    first: NatureCNN | NoCNN,
    second: NatureCNN | NoCNN,
    pixels: Tensor,
    *,
    only_first: bool = False,
) -> tuple[Tensor, Tensor]:
    """Both encoders' features of the same pictures, read once.

    With `only_first`, gradients flow into the first alone.
    """
    if isinstance(first, NoCNN) or isinstance(second, NoCNN):
        return pixels, pixels
    (kernel_a, bias_a), (kernel_b, bias_b) = conv1_weights(first), conv1_weights(second)
    if only_first:
        kernel_b, bias_b = kernel_b.detach(), bias_b.detach()
    both = _conv(pixels, torch.cat((kernel_a, kernel_b)), torch.cat((bias_a, bias_b)))
    half = len(bias_a)
    features_a = _after_conv1(first, both[:, :half])
    if only_first:
        with torch.no_grad():
            return features_a, _after_conv1(second, both[:, half:])
    return features_a, _after_conv1(second, both[:, half:])


def _after_conv1(cnn: NatureCNN, x: Tensor) -> Tensor:
    dtype = x.dtype
    x = _conv(_blocks_of_two(x), *_conv2_weights(cnn))
    x = _conv(x, *_conv_parameters(cnn, 4))
    channels, rows, columns = x.shape[1:]
    # The linear layer's columns go where channels-last pictures have their values, not vice versa.
    linear = cnn.linear[0]
    assert isinstance(linear, nn.Linear)
    weight = linear.weight.view(-1, channels, rows, columns).permute(0, 2, 3, 1)
    flat = x.permute(0, 2, 3, 1).reshape(len(x), -1)
    y = F.linear(flat, weight.reshape(len(weight), -1).to(dtype), linear.bias.to(dtype))
    y = F.relu(y)
    return y if dtype == torch.float16 else y.to(linear.weight.dtype)

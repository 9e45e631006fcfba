"""One switch for torch.compile, so that every function here also runs as it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

Function = TypeVar("Function", bound=Callable[..., Any])


def fused(function: Function, compile_: bool) -> Function:
    """The function, its element-wise work fused by torch.compile if wanted."""
    return cast(Function, torch.compile(function, dynamic=False)) if compile_ else function

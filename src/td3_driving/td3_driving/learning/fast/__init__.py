"""The update of `learning.td3`, arranged for the device it runs on: the same numbers, sooner.

`td3.TD3Agent` is the reference; every function here is tested against it in float64.
"""

from td3_driving.learning.fast.choice import (
    CpuUpdates,
    Device,
    Updates,
    choose_device,
    make_updates,
)
from td3_driving.learning.fast.cuda import CudaUpdates, CycleUpdates
from td3_driving.learning.fast.updates import Precision

__all__ = [
    "CpuUpdates",
    "CudaUpdates",
    "CycleUpdates",
    "Device",
    "Precision",
    "Updates",
    "choose_device",
    "make_updates",
]

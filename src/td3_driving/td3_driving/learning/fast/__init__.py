"""The update of `learning.td3`, arranged for a GPU: the same numbers from fewer, larger kernels.

`td3.TD3Agent` is the reference; every function here is tested against it in float64.
"""

from td3_driving.learning.fast.updates import CudaUpdates, Precision

__all__ = ["CudaUpdates", "Precision"]

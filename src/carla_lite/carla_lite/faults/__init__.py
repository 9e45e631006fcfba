"""Scripted faults: what a simulator does on a bad day, at a tick or time of one's own choosing.

Nothing of it is loaded, and nothing can be injected, unless the server was started with a script.
"""

from carla_lite.faults.script import Fault, FaultScript, FaultScriptError, read_script
from carla_lite.faults.simulation import FaultySimulation, fault_methods

__all__ = [
    "Fault",
    "FaultScript",
    "FaultScriptError",
    "FaultySimulation",
    "fault_methods",
    "read_script",
]

"""What the learner can refuse, as one tree.

LearningError
├── NonFiniteError            NaN or infinity in a batch, a loss or a gradient; nothing was learned
├── ShapeError                an array of another shape or dtype than the configuration says
├── ReplayError               the replay memory was used out of order, or has nothing to sample
│   └── ReplayMemoryError     the asked capacity does not fit into this machine's free memory
├── DeviceError               the device or precision asked for is not to be had here
└── CheckpointError           a checkpoint or policy file cannot be used
    ├── DamagedCheckpointError    incomplete, or its bytes are not those that were written
    ├── ForeignCheckpointError    not one of ours, or it belongs to another configuration
    ├── NewerCheckpointError      written by a later version than this one can read
    ├── OlderCheckpointError      written by an earlier version than this one can read
    └── CheckpointsInUseError     another process writes checkpoints into that folder
"""


class LearningError(Exception):
    """Anything the learner refuses."""


class NonFiniteError(LearningError, ValueError):
    """NaN or infinity in a batch, a loss or a gradient."""


class ShapeError(LearningError, ValueError):
    """An array of another shape or dtype than the configuration says."""


class ReplayError(LearningError, RuntimeError):
    """The replay memory was used out of order, or has nothing to sample."""


class ReplayMemoryError(ReplayError, MemoryError):
    """The asked capacity does not fit into this machine's free memory."""


class DeviceError(LearningError, ValueError):
    """The device or the precision asked for is not to be had here."""


class CheckpointError(LearningError):
    """A checkpoint or policy file cannot be used."""


class DamagedCheckpointError(CheckpointError):
    """Incomplete, or its bytes are not those that were written."""


class ForeignCheckpointError(CheckpointError):
    """Not one of ours, or it belongs to another configuration."""


class NewerCheckpointError(CheckpointError):
    """Written by a later version than this one can read."""


class OlderCheckpointError(CheckpointError):
    """Written by an earlier version than this one can read."""


class CheckpointsInUseError(CheckpointError, OSError):
    """Another process writes checkpoints into that folder."""

"""Checkpoints that are whole or not there, written while the run goes on.

A folder of checkpoints holds

    checkpoint-000007/
        agent.safetensors         every tensor of TD3Agent.state_dict, and of the policy that acts
        rows.safetensors          the rows of the replay that do not fill a chunk yet
        transitions.safetensors   and its transitions
        state.json                configuration, counters, random states, the caller's `extra`
        manifest.json             digests of all files and chunks, and of itself; written last
    replay/                       chunks of the replay: written once, shared by the checkpoints
        rows-000001024-000002048-<sha256>.safetensors
    lock                          held by the one process that writes

A checkpoint is written into a temporary folder, synced to disk and renamed: a folder of that name
is complete unless its bytes were damaged later, which the digests tell. No file holds pickled
objects.
"""

from td3_driving.learning.checkpoint.chunks import CHUNK, Chunk
from td3_driving.learning.checkpoint.load import load, load_networks
from td3_driving.learning.checkpoint.saved import Saved, newest, read, whole
from td3_driving.learning.checkpoint.writer import CheckpointWriter, LearnerState, save

__all__ = [
    "CHUNK",
    "CheckpointWriter",
    "Chunk",
    "LearnerState",
    "Saved",
    "load",
    "load_networks",
    "newest",
    "read",
    "save",
    "whole",
]

"""A small stand-in for the CARLA simulator: same client, same wire protocol, no GPU."""

__version__ = "0.1.0"

"""Scripted traffic over a world: vehicles and pedestrians that need no client."""

from carla_lite.traffic.traffic import Traffic

__all__ = ["Traffic"]

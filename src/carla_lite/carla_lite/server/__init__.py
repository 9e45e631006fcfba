"""CARLA's RPC and streaming protocol over a world."""

from carla_lite.server.server import CARLA_VERSION, PortInUseError, Server

__all__ = ["CARLA_VERSION", "PortInUseError", "Server"]

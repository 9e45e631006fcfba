"""Scripted traffic over a world: vehicles and pedestrians that need no client."""

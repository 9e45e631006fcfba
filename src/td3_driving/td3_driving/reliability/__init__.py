"""Faults injected into the real graph, case by case, and the scoreboard of what came of it."""

"""Drives everyone who takes part in an evaluation, through the graph or in this process."""

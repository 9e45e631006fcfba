"""What a command can fail of; apart from the graph, since not every command needs ROS."""


class GraphError(RuntimeError):
    """The graph can't be started; says why and what to do."""

"""docs/parameters.md, written from the dataclasses that declare the parameters.

Example:
    python -m td3_driving.nodes.reference > docs/parameters.md
"""

from __future__ import annotations

from td3_driving.cli.settings import NODES
from td3_driving.nodes.supervisor import SupervisorParameters
from td3_driving.parameters import markdown_table
from td3_driving.ros.parameters import CommonParameters

_HEAD = """# Parameters

Written from the dataclasses that declare them, as are the files in `config/`. A name that does not
exist, a wrong type (write `1.0`, not `1`, for a float), a value that is not finite or not allowed,
and values that contradict each other fail the node's configuration, with one sentence each. Those
marked changeable may be set while the node works (`ros2 param set`); all others are read-only.
"""

ALL: dict[str, type] = {**NODES, "supervisor": SupervisorParameters}
"""The parameters of every node."""


def page() -> str:
    """The whole page."""
    common = markdown_table(CommonParameters, "carla_bridge, perception, td3_agent and control")
    return "\n".join([_HEAD, *(markdown_table(cls, node) for node, cls in ALL.items()), common])


if __name__ == "__main__":
    print(page(), end="")

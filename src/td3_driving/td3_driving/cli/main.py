"""td3-driving: learn, drive, score, check, measure."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from td3_driving import __version__

DESCRIPTION = """\
A car that learns to drive while it drives: four ROS 2 nodes, a TD3 learner, and a simulator."""

EXAMPLES = """\
examples:
  td3-driving train                         ten minutes of lane keeping, from pixels
  td3-driving train --steps 20000 --seed 1  the same run every time
  td3-driving train --task car_following    another task of config/tasks
  td3-driving pretrain --task route_following --worlds 32   on a GPU, without ROS
  td3-driving drive --policy runs/NAME      watch what it learned
  td3-driving evaluate --policy runs/NAME --map-seeds 700000:700020 --episodes 20
  td3-driving evaluate --policy pure_pursuit --kind town
  td3-driving drive --record bags/one; td3-driving replay bags/one --policy runs/NAME
  td3-driving doctor                        is the learner wired as it should be?
  td3-driving bench learner --against sb3   how fast it learns, beside others

`td3-driving COMMAND --help` tells more. With ROS: ros2 launch td3_driving train.launch.py
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    # Imported here so that --help and mistakes are answered without loading torch and ROS.
    from td3_driving.cli import bag_options, bench_options, fault_options, options

    top = argparse.ArgumentParser(
        prog="td3-driving", description=DESCRIPTION, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"td3-driving {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    bag_options.add_from_bag(options.add_train(commands))
    options.add_pretrain(commands)
    options.add_drive(commands)
    options.add_view(commands)
    options.add_evaluate(commands)
    bag_options.add_replay(commands)
    options.add_policy(commands)
    options.add_doctor(commands)
    bench_options.add_bench(commands)
    fault_options.add_faults(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code: 2 for what can't be done as asked, 1 for a failure."""
    chosen = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)

    from td3_driving.agent.run_folder import RunFolderError
    from td3_driving.cli.errors import GraphError
    from td3_driving.learning.errors import LearningError
    from td3_driving.parameters import ParameterError

    try:
        return chosen.run(chosen)
    except (
        GraphError, LearningError, ParameterError, RunFolderError, FileNotFoundError, ValueError,
    ) as error:  # fmt: skip
        print(f"td3-driving {chosen.command}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"td3-driving {chosen.command} failed: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""Where the workspace's config folder is: installed with the package, or beside the source."""

from __future__ import annotations

import contextlib
from pathlib import Path

SOURCE_CONFIG = Path(__file__).resolve().parents[3] / "config"


def config_folders() -> list[Path]:
    """The folders that may hold our configuration, the installed one first."""
    folders = [SOURCE_CONFIG]
    # Without ROS, as in a fleet of worlds, there is only the source tree.
    with contextlib.suppress(ImportError, LookupError):
        from ament_index_python.packages import get_package_share_directory

        folders.insert(0, Path(get_package_share_directory("td3_driving")) / "config")
    return folders


def config_file(name: str) -> Path:
    """A file of the config folder.

    Raises:
        FileNotFoundError: it is in neither place.
    """
    folders = config_folders()
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"no {name} in {' or '.join(map(str, folders))}; build the workspace")

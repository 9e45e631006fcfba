"""Builds td3_driving with colcon; installs the workspace's launch and config folders with it."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "td3_driving"
HERE = Path(__file__).resolve().parent


def installed(folder: str, pattern: str) -> list[str]:
    """Paths, relative to this file as setuptools wants them, of the workspace's files."""
    return sorted(
        str(Path("../..") / path.relative_to(HERE.parent.parent))
        for path in (HERE.parent.parent / folder).glob(pattern)
    )


setup(
    name=NAME,
    version="0.1.0",
    description="Autonomous driving nodes that learn on-line with TD3 from camera pixels",
    license="Apache-2.0",
    maintainer="td3_driving developers",
    maintainer_email="maintainers@td3-driving.example",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={
        NAME: [
            "py.typed",
            "evaluation/report/page.html",
            "evaluation/report/page.css",
            "view/*.html",
            "bags/report.html",
            "bags/report.css",
        ]
    },
    python_requires=">=3.10,<3.13",
    install_requires=["setuptools"],
    zip_safe=False,
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", installed("launch", "*.launch.py")),
        (f"share/{NAME}/config", installed("config", "*.*")),
        (f"share/{NAME}/config/sros2", installed("config/sros2", "*.xml")),
        (f"share/{NAME}/config/tasks", installed("config/tasks", "*.yaml")),
        (f"share/{NAME}/policies", installed("policies", "*.*")),
        ("bin", ["bin/td3-driving"]),
    ],
    entry_points={
        "console_scripts": [
            "td3-driving = td3_driving.cli.main:main",
            "carla_bridge = td3_driving.nodes.start:carla_bridge",
            "perception = td3_driving.nodes.start:perception",
            "td3_agent = td3_driving.nodes.start:td3_agent",
            "control = td3_driving.nodes.start:control",
            "recorder = td3_driving.nodes.start:recorder",
            "supervisor = td3_driving.nodes.start:supervisor",
        ]
    },
)

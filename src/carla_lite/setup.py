from setuptools import find_packages, setup

NAME = "carla_lite"

setup(
    name=NAME,
    version="0.1.0",
    description="A small stand-in for the CARLA simulator: same client, same protocol, no GPU",
    license="Apache-2.0",
    maintainer="td3_driving developers",
    maintainer_email="maintainers@td3-driving.example",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed"]},
    python_requires=">=3.10",
    install_requires=["setuptools", "msgpack", "numba", "numpy", "opencv-python-headless"],
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        # Beside the entry point, which colcon puts where only `ros2 run` looks: colcon's PATH hook
        # finds this one, so that `carla-lite` works in any shell with the workspace sourced.
        ("bin", ["bin/carla-lite"]),
    ],
    zip_safe=True,
    entry_points={"console_scripts": ["carla-lite = carla_lite.cli:main"]},
)

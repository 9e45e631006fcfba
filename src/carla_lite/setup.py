from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

NAME = "carla_lite"

# No fused multiply-adds and no reordering: the same picture, byte for byte, on every machine.
_FLAGS = [
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
    "-Wno-psabi",  # generic vectors only pass between functions that are inlined
    "-g0",
]
_EXTENSIONS = [
    Extension(
        ".".join(source.with_suffix("").parts),
        [str(source)],
        # Pixel loops are C headers beside the module that includes them.
        depends=[str(header) for header in sorted(source.parent.glob("*.h"))],
        include_dirs=[str(source.parent)],
        extra_compile_args=_FLAGS,
    )
    for source in sorted(Path(NAME).glob("*/*.pyx"))
]

setup(
    name=NAME,
    version="0.1.0",
    description="A small stand-in for the CARLA simulator: same client, same protocol, no GPU",
    license="Apache-2.0",
    maintainer="td3_driving developers",
    maintainer_email="maintainers@td3-driving.example",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={"": ["py.typed", "*.pyx", "*.pxd", "*.h", "*.html"]},
    ext_modules=cythonize(
        _EXTENSIONS,
        build_dir="build/cython",
        quiet=True,  # colcon parses what this file prints
        compiler_directives={
            "language_level": "3",
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
        },
    ),
    python_requires=">=3.10",
    install_requires=["msgpack", "numpy", "opencv-python-headless", "pyyaml"],
    extras_require={"bench": ["carla==0.9.16"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        # Beside the entry point, which colcon puts where only `ros2 run` looks: colcon's PATH hook
        # finds this one, so that `carla-lite` works in any shell with the workspace sourced.
        ("bin", ["bin/carla-lite"]),
    ],
    zip_safe=False,
    entry_points={"console_scripts": ["carla-lite = carla_lite.cli:main"]},
)

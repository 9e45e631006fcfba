"""Speed and endurance of the server, measured through the real `carla` client.

Needs the `carla` package, which the server itself does not: `pip install 'carla_lite[bench]'`.
"""

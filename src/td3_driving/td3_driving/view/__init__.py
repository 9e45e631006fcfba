"""Watching a policy at work: a browser page and a video of the same picture.

A `Watch` holds the newest of everything. The graph's `Listener` or an environment fills it; the
`Viewer` shows it to browsers, and `picture.paint` to videos. Needs numpy and OpenCV; ROS in
`listener` alone.
"""

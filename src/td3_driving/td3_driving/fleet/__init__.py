"""Many carla_lite worlds, without CARLA's protocol and ROS, for learning at a GPU's pace.

What a policy sees, earns and may do here is what it does in the graph: the same physics, pictures,
observation, reward, ends and learner, called in the same order.
"""

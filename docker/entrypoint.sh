#!/usr/bin/env bash
# Runs a command in the environment of ROS 2 and of the suite.
set -eo pipefail
source /opt/ros/jazzy/setup.bash
source /opt/td3_driving/scripts/env.sh
exec "$@"

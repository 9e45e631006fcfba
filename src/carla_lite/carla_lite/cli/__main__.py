"""`python -m carla_lite.cli`."""

import sys

from carla_lite.cli import main

sys.exit(main())

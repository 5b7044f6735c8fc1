"""A process of pytest-xdist that is forked with napari and torch loaded (see `forked.py`).

As `python -c` would, it runs what execnet sends on the first line of its input.
"""

import sys

exec(eval(sys.stdin.readline()))

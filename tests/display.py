"""A display for each process that runs tests: two windows on one take each other's focus."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

SCREEN = "1600x1000x24"
# Xvfb says its number on its output, and ends with the end of our input: however we ended.
UNTIL_END_OF_INPUT = f"""
Xvfb -displayfd 1 -screen 0 {SCREEN} -nolisten tcp -noreset </dev/null 2>/dev/null &
exec >&-
while read -r _; do :; done
kill $!
"""


def give_display() -> Callable[[], None]:
    """Give this process a display of its own, where there is Xvfb; returns what takes it away.

    Without Xvfb the process keeps what it has.
    """
    if shutil.which("Xvfb") is None:
        return lambda: None
    keeper = subprocess.Popen(
        ["sh", "-c", UNTIL_END_OF_INPUT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert keeper.stdin is not None and keeper.stdout is not None
    number = keeper.stdout.readline().strip()
    keeper.stdout.close()
    if not number:
        raise RuntimeError("Xvfb did not start")
    # what a desktop session may have set would send Qt past the virtual display
    os.environ.pop("WAYLAND_DISPLAY", None)
    os.environ.update(
        DISPLAY=f":{number}",
        QT_QPA_PLATFORM="xcb",
        XDG_SESSION_TYPE="x11",
        LIBGL_ALWAYS_SOFTWARE="1",
        LP_NUM_THREADS="1",  # Mesa draws with one thread: the other cores have tests of their own
    )

    def take_away() -> None:
        keeper.stdin.close()
        keeper.wait()

    return take_away

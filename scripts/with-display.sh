#!/usr/bin/env bash
# Runs a command under a virtual display where there is xvfb-run, else as it is.
# Usage: [SCREEN=1600x1000x24] scripts/with-display.sh COMMAND...
set -euo pipefail
if command -v xvfb-run >/dev/null; then
    # what a desktop session may have set would send Qt past the virtual display
    unset WAYLAND_DISPLAY
    export QT_QPA_PLATFORM=xcb XDG_SESSION_TYPE=x11 LIBGL_ALWAYS_SOFTWARE=1
    exec xvfb-run -a -s "-screen 0 ${SCREEN:-1600x1000x24}" "$@"
fi
exec "$@"

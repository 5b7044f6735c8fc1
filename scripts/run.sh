#!/usr/bin/env bash
# Opens napari on the sample images; without a display makes the same journey and its pictures.
# Exits non-zero where a picture is blank or the overlay is empty.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(uname -s)" != Linux ] || [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ]; then
    exec .venv/bin/python -m napari_unet open sample_data --unlabelled
fi
echo 'No display here: making the journey on the sample images under a virtual one (about two minutes).'
rm -rf demo # so that no picture of an earlier run is taken for a new one
scripts/with-display.sh .venv/bin/python -m napari_unet demo -o demo --headless
echo "The pictures and the scores are in $PWD/demo:"
find demo -maxdepth 1 -type f | sort

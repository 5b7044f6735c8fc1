#!/usr/bin/env bash
# Opens napari on the sample images; without a display makes the same journey and its pictures.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(uname -s)" != Linux ] || [ -n "${DISPLAY:-}" ] || [ -n "${WAYLAND_DISPLAY:-}" ]; then
    exec .venv/bin/python -m napari_unet sample_data
fi
echo 'No display here: making the journey on the sample images under a virtual one.'
scripts/with-display.sh .venv/bin/python -m napari_unet demo -o demo
echo "The pictures are in $PWD/demo:"
find demo -name '*.png' | sort

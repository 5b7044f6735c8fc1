"""The pictures of the README and the user guide, from the real window: ``make pictures``.

It is the journey of ``napari-unet demo`` (napari_unet/widgets/demo.py), with close-ups and the
menus. Everything goes to docs/images as PNG of at most 256 colours; all together stay below 2 MB.

Usage: SCREEN=1600x1100x24 scripts/with-display.sh .venv/bin/python docs/pictures.py [OUT]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

OUT = Path(__file__).parent / "images"
MOST = 2_000_000  # bytes of all pictures together
SECONDS = 120.0  # of training; twice what the panel takes, for this machine may be busy
WINDOW = (1440, 1020)  # px; all four parts of the panel are seen
CLOSE_UP = 4.0  # screen pixels per image pixel
CLOSE_UP_SIZE = (480, 880)  # px, height and width


def main(out: Path = OUT) -> int:
    """Make all pictures; 1 if one is blank, the overlay is empty, or they are too large."""
    with tempfile.TemporaryDirectory(prefix="napari-unet-pictures-") as temporary:
        # neither the user's models nor the user's colours
        os.environ["NAPARI_UNET_HOME"] = str(Path(temporary, "home"))
        os.environ["NAPARI_CONFIG"] = str(Path(temporary, "settings.yaml"))
        raw = Path(temporary, "pictures")
        raw.mkdir()
        good = take(raw)
        out.mkdir(parents=True, exist_ok=True)
        for old in out.glob("*.png"):
            old.unlink()
        made = [shrink(picture, out / picture.name) for picture in sorted(raw.glob("*.png"))]
    size = sum(path.stat().st_size for path in made)
    for path in made:
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")
    print(f"{len(made)} pictures, {size / 1e6:.2f} MB")
    if size > MOST:
        print(f"more than {MOST / 1e6:g} MB", file=sys.stderr)
    return 0 if good and size <= MOST else 1


def take(raw: Path) -> bool:
    """Drive the window; all pictures as they are into `raw`."""
    import napari
    from qtpy.QtCore import QPoint
    from qtpy.QtWidgets import QMenu

    from napari_unet.widgets.demo import CELLS, Journey, is_picture, spin

    class Pictures(Journey):
        """The journey with a close-up where there is something small to see."""

        def picture(self, name: str) -> None:
            super().picture(name)
            if name == "03-weights":
                self.close_up("weights-close-up")

        def close_up(self, name: str) -> None:
            """The canvas alone, around what was painted; without the brush."""
            viewer, labels = self.viewer, self._layer("labels")
            camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
            before = camera.center, camera.zoom, labels.mode
            labels.mode = "pan_zoom"
            camera.zoom = CLOSE_UP
            camera.center = (0.0, *self.middle())
            spin(0.5)
            path = self.out / f"{name}.png"
            viewer.screenshot(str(path), canvas_only=True, flash=False, size=CLOSE_UP_SIZE)
            self.pictures.append(path)
            camera.center, camera.zoom, labels.mode = before
            spin(0.3)

        def middle(self) -> tuple[float, float]:
            """Where the painted cells are, in the world."""
            import numpy as np

            at = np.argwhere(self._layer("labels").data > 0)
            return float(at[:, 0].mean()), float(at[:, 1].mean())

        def menu(self, name: str, title: str, *entries: str) -> None:
            """An open menu and its submenus, taken from the screen."""
            window = self.viewer.window._qt_window
            bar = window.menuBar()
            action = next(a for a in bar.actions() if plain(a.text()) == title)
            corner = bar.mapToGlobal(bar.actionGeometry(action).bottomLeft())
            opened: list[QMenu] = [action.menu()]
            opened[-1].popup(corner)
            spin(0.3)
            for entry in entries:
                menu = opened[-1]
                inner = next(a for a in menu.actions() if plain(a.text()) == entry)
                menu.setActiveAction(inner)
                spin(0.2)
                if not inner.menu().isVisible():
                    inner.menu().popup(menu.mapToGlobal(menu.actionGeometry(inner).topRight()))
                    spin(0.3)
                opened.append(inner.menu())
            spin(0.3)
            path = self.out / f"{name}.png"
            around = opened[0].geometry()
            for menu in opened[1:]:
                around = around.united(menu.geometry())
            top = window.mapToGlobal(QPoint(0, 0)).y()
            right, bottom = around.right() + 40, around.bottom() + 40
            shot = window.screen().grabWindow(0, 0, top, right, bottom - top)
            shot.save(str(path))
            self.pictures.append(path)
            for menu in reversed(opened):
                menu.close()
            spin(0.2)

    viewer = napari.Viewer(title="napari-unet", show=True)
    try:
        journey = Pictures(viewer, raw)
        viewer.window._qt_window.resize(*WINDOW)
        good = journey.go(SECONDS, CELLS)
        viewer.layers.selection.active = viewer.layers[0]  # the layer menus act on what is selected
        journey.menu("menu-sample", "File", "Open Sample", "U-Net")
        journey.menu("menu-plugins", "Plugins", "U-Net")
        journey.menu("menu-annotate", "Layers", "Annotate", "U-Net")
        journey.menu("menu-segment", "Layers", "Segment", "U-Net")
        return good and all(is_picture(path) for path in journey.pictures)
    finally:
        viewer.close()


def plain(text: str) -> str:
    """A menu entry's words without the mark of its key."""
    return text.replace("&", "").strip()


def shrink(picture: Path, out: Path) -> Path:
    """Write the picture with a palette of its own; k-means keeps the window's greys neutral."""
    from PIL import Image

    image = Image.open(picture).convert("RGB")
    small = image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    small.save(out, optimize=True)
    return out


if __name__ == "__main__":
    raise SystemExit(main(*map(Path, sys.argv[1:])))

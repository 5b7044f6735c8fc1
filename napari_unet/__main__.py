"""``python -m napari_unet`` is the command ``napari-unet``."""

from .cli import main

if __name__ == "__main__":
    main()

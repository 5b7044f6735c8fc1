"""How the base model that ships with napari-unet was made: images, training, model card."""

"""Images, annotated pairs and model files on disk."""

"""Other ways to segment cells, each a script: TRAIN TEST OUT SECONDS, labels into OUT."""

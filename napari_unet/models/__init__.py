"""Models by name: those that ship with the package, and the user's own; and the user's runs."""

from .in_hand import InHand, in_hand
from .named import DEFAULT, PRETRAINED, NamedModel, called, find_model, list_models, save_as
from .places import home, models_folder, name_of_run, runs_folder
from .pruning import prune_runs, remove_untrained

__all__ = [
    "DEFAULT",
    "PRETRAINED",
    "InHand",
    "NamedModel",
    "called",
    "find_model",
    "home",
    "in_hand",
    "list_models",
    "models_folder",
    "name_of_run",
    "prune_runs",
    "remove_untrained",
    "runs_folder",
    "save_as",
]

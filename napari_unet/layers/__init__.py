"""The one place that reads or writes ``viewer.layers``.

What belongs to which image stands in ``layer.metadata["napari-unet"]``, never in a name.
Layers that are made here lie on their image to the pixel, whatever its transform.
"""

from .adding import Adding, being_added, highest_to_come
from .copies import region_count, region_outlines, snapshot, snapshots
from .drawing import redraw
from .found_look import dress, dress_all, outline_width
from .making import make_background, make_labels, make_regions, start_painting, uncover
from .opened import take_label_files
from .orphans import leave, left_for, take_back
from .own import next_free_id, not_at_hand, renumber, take_next_id, unwritable, widen
from .pairing import (
    disown_copy,
    fits,
    fitting_labels,
    misfit,
    pair,
    pair_the_obvious,
    set_axes,
    set_free,
)
from .reading import (
    Held,
    axes,
    axes_choices,
    current_slice,
    folder,
    labels_shape,
    note_folder,
    pixels,
    slice_count,
    visible_window,
)
from .results import (
    accepted,
    drawings,
    drawn,
    empty_prediction,
    found_kind,
    has_cells,
    hide,
    is_on_show,
    note_accepted,
    note_drawn,
    note_kind,
    note_undrawn,
    prediction_layer,
    redraw_at_once,
    show_probability,
    unhide,
)
from .roles import Role, find, image_of, images, is_away, key, painted_layers, partner, role
from .seeing import go_to, show, topmost
from .weights import redraw_touching, show_touching, show_weights
from .writing import Part, Writing, whole_slice

__all__ = [
    "Adding",
    "Held",
    "Part",
    "Role",
    "Writing",
    "accepted",
    "axes",
    "axes_choices",
    "being_added",
    "current_slice",
    "disown_copy",
    "drawings",
    "drawn",
    "dress",
    "dress_all",
    "empty_prediction",
    "find",
    "fits",
    "fitting_labels",
    "folder",
    "found_kind",
    "go_to",
    "has_cells",
    "hide",
    "highest_to_come",
    "image_of",
    "images",
    "is_away",
    "is_on_show",
    "key",
    "labels_shape",
    "leave",
    "left_for",
    "make_background",
    "make_labels",
    "make_regions",
    "misfit",
    "next_free_id",
    "not_at_hand",
    "note_accepted",
    "note_drawn",
    "note_folder",
    "note_kind",
    "note_undrawn",
    "outline_width",
    "painted_layers",
    "pair",
    "pair_the_obvious",
    "partner",
    "pixels",
    "prediction_layer",
    "redraw",
    "redraw_at_once",
    "redraw_touching",
    "region_count",
    "region_outlines",
    "renumber",
    "role",
    "set_axes",
    "set_free",
    "show",
    "show_probability",
    "show_touching",
    "show_weights",
    "slice_count",
    "snapshot",
    "snapshots",
    "start_painting",
    "take_back",
    "take_label_files",
    "take_next_id",
    "topmost",
    "uncover",
    "unhide",
    "unwritable",
    "visible_window",
    "whole_slice",
    "widen",
]

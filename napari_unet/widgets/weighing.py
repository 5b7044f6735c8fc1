"""Part 2's deed: the weight map that training uses, over the image in hand, live."""

from __future__ import annotations

from typing import Any

from napari.layers import Image, Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_unet import layers
from napari_unet.advice import why_not_weigh
from napari_unet.core.carving import TooLarge
from napari_unet.core.errors import BadInput
from napari_unet.core.settings import ScaleSettings, WeightSettings
from napari_unet.core.shown import Shown
from napari_unet.field import Field, factor_of, look
from napari_unet.layers.edits import Edit
from napari_unet.session import Annotated, Session

from .annotating import Annotating
from .background import Latest, guarded, safely
from .fields import field_of, scale_of, weights_of
from .in_hand import in_hand
from .on_show import OnShow

PAUSE = 300  # ms after a number was changed
MOVED = 120  # ms between two looks at where the user is
RESCALE = 1000  # ms without a stroke before the cells are measured: 0.2 s of a core
SAME_SCALE = 0.01  # relative; as long as the scale changes by less, the map is kept
NOTHING = "Paint some cells of this image first."


class Weighing(QObject):
    """Computes the map of what is seen in a thread; edits bring it up to date at once."""

    def __init__(
        self, viewer: Viewer, session: Session, annotating: Annotating, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._annotating = annotating
        self._asking = Latest()
        self._scaling = Latest()
        self._on: OnShow | None = None
        self._asked = False  # a look is under way
        self._edits: list[tuple[Labels, Edit]] = []  # that the map does not know of yet
        self._pause = self._timer(PAUSE, self._again, single=True)
        self._soon = self._timer(0, self._take_edits, single=True)
        self._marks = self._timer(0, self._redraw_touching, single=True)
        self._rescale = self._timer(RESCALE, self._ask_scale, single=True)
        self._moved = self._timer(MOVED, self._follow, single=False)
        annotating.watching.edited.connect(self._on_edited)
        annotating.watching.replaced.connect(self._on_replaced)
        annotating.counting.counted.connect(self._on_counted)
        viewer.dims.events.current_step.connect(self._follow)
        session.events.image.connect(self._tell)

    def close(self) -> None:
        self._viewer.dims.events.current_step.disconnect(self._follow)
        self._session.events.image.disconnect(self._tell)
        self._asking.forget()
        self._scaling.forget()
        self._leave()

    # ---- wishes

    def choose_preset(self, preset: str) -> None:
        """Take the preset's formula and its two numbers."""
        self.choose(WeightSettings.of(preset))

    def choose(self, settings: WeightSettings) -> None:
        """Take this formula and its two numbers."""
        session = self._session
        session.weight_preset = settings.preset
        session.w0, session.sigma = settings.w0, settings.sigma
        self._pause.start()

    def again(self) -> None:
        """Show the map anew where one is shown: other choices than ours have changed it."""
        self._pause.start()

    def choose_w0(self, value: float) -> None:
        self._session.w0 = value
        self._pause.start()

    def choose_sigma(self, value: float) -> None:
        self._session.sigma = value
        self._pause.start()

    def toggle(self) -> None:
        """Show the map of the image in hand; where it is shown, hide it."""
        if self._session.weights_shown and self._on is not None:
            self._hide(self._on.image)
            return
        self.show()

    def show(self) -> None:
        """Show the map of the image in hand."""
        image = self._annotating.image()
        labels = self._annotating.labels()
        if image is None or labels is None:
            self._session.say(why_not_weigh(self._session) or NOTHING, self._session.mood)
            return
        misfit = layers.misfit(image, labels)
        if misfit:
            self._session.say(misfit, "error")
            return
        if self._on is not None and self._on.image is not image:
            self._hide(self._on.image)  # only one map can follow the brush
            self._leave()
        self._session.weighing = True
        with safely(self._on_failed):
            self._look(image, labels)

    def settings(self) -> WeightSettings:
        """The settings as the panel has them."""
        return weights_of(self._session)

    def scale(self) -> ScaleSettings:
        """The size that the training to come rescales cells to."""
        return scale_of(self._session)

    # ---- looking afresh

    def _look(self, image: Image, labels: Labels, factor: float | None = None) -> None:
        field = self._field_of(image, labels)
        settings, scale = self.settings(), self.scale()
        self._edits.clear()
        self._asked = True

        def done(shown: Shown) -> None:
            self._on_looked(image, labels, field, shown)

        self._asking.ask(lambda: look(field, settings, scale, factor), done, self._on_failed)

    def _field_of(self, image: Image, labels: Labels) -> Field:
        return field_of(self._viewer, self._session, self._annotating.counting, image, labels)

    def _on_looked(self, image: Image, labels: Labels, field: Field, shown: Shown) -> None:
        session, self._asked = self._session, False
        first = session.weighing
        session.weighing = False
        if image not in self._viewer.layers or labels not in self._viewer.layers:
            self._leave()
            return
        hidden = self._on is None or not self._on.layer.visible
        if hidden and not (first and in_hand(session, image)):
            return  # nobody waits for it any more
        layer = layers.show_weights(
            self._viewer, image, shown.weights, shown.weighed.limits, field.window, field.index
        )
        if self._on is None or self._on.layer is not layer:
            layer.events.visible.connect(self._on_visible)
        self._on = OnShow(image, labels, field, shown, layer)
        self._on.show_touching(self._viewer)
        self._moved.start()
        self._tell()
        if first and not session.job:
            session.say(self._on.lesson, "done")
        if self._edits:  # made while the thread was looking
            self._soon.start()
        if self._outdated(self._on, self._field_of(image, labels)):
            self._pause.start()

    def _on_failed(self, words: str) -> None:
        self._session.weighing = self._asked = False
        self._session.say(words, "error")

    def _again(self) -> None:
        """Whatever the map depends on has changed: one that is shown follows."""
        on = self._showing()
        labels = None if on is None else layers.partner(self._viewer, on.image, "labels")
        if on is not None and labels is not None:
            self._look(on.image, labels)

    def _showing(self) -> OnShow | None:
        """What is shown, if it still is."""
        on = self._on
        if on is not None and not on.there(self._viewer):
            self._leave()
            if on.image in self._viewer.layers:
                self._hide(on.image)
            return None
        return on if on is not None and on.layer.visible else None

    def _hide(self, image: Image) -> None:
        for what in ("weights", "touching"):
            layers.hide(self._viewer, image, what)

    def _leave(self) -> None:
        """Nothing is shown any more."""
        for timer in (self._pause, self._soon, self._marks, self._rescale, self._moved):
            timer.stop()
        if self._on is not None:
            self._on.layer.events.visible.disconnect(self._on_visible)
        self._on = None
        self._edits.clear()
        self._tell()

    def _tell(self) -> None:
        """Whether the map lies over the image in hand, and what it says."""
        on, session = self._on, self._session
        there = on is not None and on.layer.visible and layers.key(on.image) == session.image
        session.weight_words = on.words if on is not None and there else ""
        session.weights_shown = there

    # ---- following the user

    def _on_visible(self, event: Any = None) -> None:
        on = self._on
        if on is not None and not on.layer.visible:
            for timer in (self._pause, self._soon, self._marks, self._rescale, self._moved):
                timer.stop()
            layers.hide(self._viewer, on.image, "touching")
        self._tell()
        self._again()

    def _follow(self, event: Any = None) -> None:
        """Where the user looks: at another slice, at another part of a large one."""
        on = self._showing()
        if on is not None and not self._asked and on.passed(self._viewer):
            self._again()

    def _on_edited(self, layer: Labels, edits: list[Edit]) -> None:
        if self._showing() is None and not self._asked:
            return
        self._edits += [(layer, edit) for edit in edits]
        if not self._asked:
            self._soon.start()  # napari may not have written the pixels yet

    def _on_replaced(self, layer: Labels) -> None:
        if self._on is not None and layers.image_of(self._viewer, layer) is self._on.image:
            self._pause.start()

    def _take_edits(self) -> None:
        """Bring the map up to date with the edits since."""
        on, edits = self._showing(), self._edits
        self._edits = []
        if on is None or self._asked:
            return
        try:
            changed = on.take(self._viewer, edits)
        except TooLarge:
            self._pause.start()
        except BadInput as error:
            self._on_failed(str(error))
        else:
            if changed:
                self._redraw(on)

    def _redraw(self, on: OnShow) -> None:
        on.redraw()
        if on.map.touching_changed():
            self._marks.start()  # another layer to draw: after the map
        self._tell()

    def _redraw_touching(self) -> None:
        on = self._showing()
        if on is not None:
            on.redraw_touching(self._viewer)

    def _on_counted(self, annotated: Annotated) -> None:
        """A pause: now what depends on all that is painted."""
        on = self._showing()
        if on is None or self._asked:
            return
        field = self._field_of(on.image, on.labels)
        if self._outdated(on, field):
            self._again()
            return
        self._rescale.start()
        if on.map.settle(None if field.whole else field.totals):
            self._redraw(on)

    def _outdated(self, on: OnShow, now: Field) -> bool:
        """Whether the image has other labels by now, or they are read in another way."""
        labels = layers.partner(self._viewer, on.image, "labels")
        return labels is not on.labels or not now.reads_like(on.field)

    def _ask_scale(self) -> None:
        """A longer pause: the median cell may be of another size now."""
        on, scale = self._showing(), self.scale()
        if on is None or self._asked:
            return

        def done(factor: float) -> None:
            if on is self._on and not self._asked and abs(factor / on.map.factor - 1) > SAME_SCALE:
                self._look(on.image, on.labels, factor)

        # by the field on show, which has its labels at hand
        self._scaling.ask(lambda: factor_of(on.field, scale), done, self._on_failed)

    def _timer(self, pause: int, deed: Any, *, single: bool) -> QTimer:
        made = QTimer(self)
        made.setSingleShot(single)
        made.setInterval(pause)
        made.timeout.connect(guarded(deed, self._on_failed))
        return made

"""What is loaded in a thread is not in the way of what the window's thread does meanwhile."""

from __future__ import annotations

import pint
import pytest

from napari_unet.widgets.warming import hand_over, load


def test_units_that_are_read_in_a_thread_are_napari_s_once_they_are_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    application = pint.get_application_registry()
    monkeypatch.setattr(application, "_registry", pint.LazyRegistry())
    units = load()
    assert units is not None
    assert isinstance(application.get(), pint.LazyRegistry)  # nobody finds it half filled
    hand_over(units)
    assert application.get() is units
    assert str(pint.Unit("pixel")) == "pixel" and pint.Unit("um") == units.Unit("micrometer")
    hand_over(pint.UnitRegistry())
    assert load() is None  # nor does the next window read them again
    assert application.get() is units  # layers hold these by now

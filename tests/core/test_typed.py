"""Settings from a file: each value of its type and within its bounds, or one sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import pytest

from napari_unet.core.errors import BadInput
from napari_unet.core.presets import preset
from napari_unet.core.settings import (
    PRESETS,
    ModelConfig,
    NetworkSettings,
    Settings,
    TrainOptions,
    to_dict,
)
from napari_unet.core.typed import Within, from_dict


@dataclass(frozen=True)
class Inner:
    count: Annotated[int, Within(1, 8)]
    share: Annotated[float, Within(0, 1)] = 0.5


@dataclass(frozen=True)
class Outer:
    inner: Inner
    kind: Literal["a", "b"] | None = None
    on: bool = False
    pair: tuple[float, float] = (0.0, 0.0)
    values: tuple[int, ...] = ()
    words: str = ""
    free: dict[str, Any] | None = None


@pytest.mark.parametrize("name", PRESETS)
def test_what_was_written_comes_back(name: str) -> None:
    settings = preset(name)
    written = json.loads(json.dumps(to_dict(settings)))
    assert from_dict(Settings, written) == settings
    options = TrainOptions(preset=name, w0=3, steps=5)
    assert from_dict(TrainOptions, json.loads(json.dumps(to_dict(options)))) == options
    config = ModelConfig(
        replace(settings.network, classes=3),
        labels_are="classes",
        class_values=(1, 7),
        image_diameters=(9.5, 30),
        training={"scores": [{"AP50": 0.5}, None, True]},
    )
    assert from_dict(ModelConfig, json.loads(json.dumps(to_dict(config)))) == config


def test_a_whole_number_will_do_for_a_number() -> None:
    made = from_dict(Inner, {"count": 2, "share": 1})
    assert made == Inner(2, 1.0) and type(made.share) is float


INNER = {"count": 2}
REFUSED: dict[str, tuple[object, str]] = {
    "text for a number": ({"inner": {"count": "2"}}, "inner.count must be a whole number"),
    "truth for a number": ({"inner": {"count": True}}, "inner.count must be a whole number"),
    "a fraction": ({"inner": {"count": 2.0}}, "inner.count must be a whole number"),
    "too many": ({"inner": {"count": 9}}, "inner.count must be from 1 to 8, not 9"),
    "hugely many": ({"inner": {"count": 10**400}}, "63 bits"),
    "NaN": ({"inner": {"count": 2, "share": float("nan")}}, "inner.share must be a finite"),
    "infinite": ({"inner": {"count": 2, "share": float("inf")}}, "inner.share must be a finite"),
    "huge": ({"inner": {"count": 2, "share": 10**400}}, "inner.share must be a finite"),
    "none": ({"inner": {"count": None}}, "inner.count"),
    "missing": ({"inner": {}}, "count is missing in inner"),
    "all missing": ({}, "inner is missing"),
    "no table": ([], "must be a table"),
    "a list for a table": ({"inner": []}, "inner must be a table"),
    "unknown": ({"inner": INNER, "wings": 2}, "unknown setting wings"),
    "another word": ({"inner": INNER, "kind": "c"}, "kind must be 'a' or 'b', not 'c'"),
    "a number for a word": ({"inner": INNER, "kind": 1}, "kind"),
    "one for true": ({"inner": INNER, "on": 1}, "on must be true or false"),
    "too short": ({"inner": INNER, "pair": [1]}, "pair must be a list of 2"),
    "text as a list": ({"inner": INNER, "values": "12"}, "values must be a list"),
    "a list of text": ({"inner": INNER, "values": ["1"]}, "values must be a whole number"),
    "a number for text": ({"inner": INNER, "words": 5}, "words must be text"),
    "endless text": ({"inner": INNER, "words": "x" * 10_001}, "10001 characters"),
    "a list for anything": ({"inner": INNER, "free": []}, "free must be a table"),
    "deep": ({"inner": INNER, "free": {"a": json.loads("[" * 50 + "]" * 50)}}, "deep"),
    "many unknown": ({"inner": INNER, **{f"{i:0900}": 1 for i in range(900)}}, "and 897 more"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    values, words = REFUSED[name]
    with pytest.raises(BadInput) as refused:
        from_dict(Outer, values)
    said = str(refused.value)
    assert words in said and "\n" not in said and len(said) < 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 2000),
        ("width", 0),
        ("width", "24"),
        ("depth", 30),
        ("depth", 0),
        ("classes", 10**9),
        ("in_channels", 10**9),
        ("dropout", True),
        ("norm", "layer"),
    ],
)
def test_networks_that_no_one_could_use(field: str, value: object) -> None:
    values = {**to_dict(NetworkSettings()), field: value}
    with pytest.raises(BadInput, match=field):
        from_dict(NetworkSettings, values)

"""The panel's colours in napari's themes: every text stands out from what it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari.utils.theme import get_theme

Colour = tuple[float, float, float]  # red, green, blue, 0..255

LEGIBLE = 4.5  # contrast of text that WCAG 2 asks for (level AA)
_AIM = 5.0  # a bit more, since thin letters are drawn paler than they are
_BLUE, _GREEN, _RED, _ORANGE = (31, 111, 208), (53, 163, 91), (229, 83, 75), (240, 165, 58)
_WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Shades:
    """Colours as Qt and pyqtgraph take them, "#rrggbb".

    Attributes
    ----------
    ground, text : of the panel
    note : quiet text on the ground, and the text of what cannot be pressed
    bar : a strip that a head or the status line stands on
    rim : round what cannot be pressed
    accent, on_accent : the button that is next, and its text
    chunk : of the progress bar, under `text`
    loss, score : of the two curves and their axes
    moods : the edge of the status line
    """

    ground: str
    text: str
    note: str
    bar: str
    rim: str
    accent: str
    on_accent: str
    chunk: str
    loss: str
    score: str
    moods: dict[str, str]


def shades(theme: str) -> Shades:
    """The panel's colours in one of napari's themes, or a plugin's; "system" is one, too."""
    found = get_theme(theme)
    ground, text, primary = (
        _numbers(found.background),
        _numbers(found.text),
        _numbers(found.primary),
    )
    bar = mixed(ground, text, 0.08)
    note = legible(mixed(ground, text, 0.55), bar)  # of two grounds, that nearer to the text
    return Shades(
        ground=_hex(ground),
        text=_hex(text),
        note=_hex(note),
        bar=_hex(bar),
        rim=_hex(primary),
        accent=_hex(legible(_BLUE, _WHITE)),
        on_accent=_hex(_WHITE),
        chunk=_hex(legible(_numbers(found.current), text)),
        loss=_hex(legible(_ORANGE, ground)),
        score=_hex(legible(_GREEN, ground)),
        moods={"idle": _hex(note), "busy": _hex(_BLUE), "done": _hex(_GREEN), "error": _hex(_RED)},
    )


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """The contrast of two colours by WCAG 2, 1 (alike) to 21 (black and white)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def legible(colour: Colour, on: Colour, least: float = _AIM) -> Colour:
    """The colour, moved away from what it stands on until it can be read there."""
    end: Colour = _WHITE if contrast(_WHITE, on) > contrast((0, 0, 0), on) else (0, 0, 0)
    steps = (mixed(colour, end, step / 50) for step in range(51))
    return next((x for x in steps if contrast(x, on) >= least), end)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the way from one colour to the other."""
    red, green, blue = (a + share * (b - a) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Sequence[float]) -> float:
    parts = [x / 255 for x in colour[:3]]
    red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _numbers(colour: object) -> Colour:
    """Of a theme's colour, which pydantic keeps by name, in hex or as rgb."""
    red, green, blue = colour.as_rgb_tuple(alpha=False)  # type: ignore[attr-defined]
    return float(red), float(green), float(blue)


def _hex(colour: Sequence[float]) -> str:
    return "#" + "".join(f"{round(x):02x}" for x in colour[:3])


def style(of: Shades) -> str:
    """The style sheet of the panel. Widgets say in the property "look" what they are."""
    off = ("QPushButton", "QComboBox", "QAbstractSpinBox", "QCheckBox", "QRadioButton", "QLabel")
    boxes = ("QPushButton", "QComboBox", "QAbstractSpinBox", "QAbstractSpinBox QLineEdit")
    return f"""
    {", ".join(f"{x}:disabled" for x in (*off, "QLineEdit"))} {{ color: {of.note}; }}
    {", ".join(f"{x}:disabled" for x in boxes)} {{ background-color: {of.ground}; }}
    {", ".join(f"{x}:disabled" for x in boxes[:3])} {{ border: 1px solid {of.rim}; }}
    QLabel[look="hint"] {{ color: {of.note}; font-size: 9pt; }}
    QPushButton[look="next"] {{
        background-color: {of.accent}; color: {of.on_accent}; font-weight: bold;
    }}
    QPushButton[look="next"]:hover {{ border: 1px solid {of.text}; }}
    QPushButton[look="next"]:disabled {{
        background-color: {of.ground}; color: {of.note}; font-weight: normal;
    }}
    QPushButton[look="head"] {{ background-color: {of.bar}; }}
    QPushButton[look="head"]:hover {{ border: 1px solid {of.rim}; }}
    QPushButton[look="head"] QLabel {{ background-color: transparent; color: {of.text}; }}
    QLabel[look="title"] {{ font-size: 12pt; font-weight: bold; }}
    QPushButton[look="head"] QLabel[look="badge"] {{
        background-color: {of.accent}; color: {of.on_accent}; font-size: 11pt; font-weight: bold;
    }}
    QProgressBar {{ background-color: {of.bar}; color: {of.text}; text-align: center; }}
    QProgressBar::chunk {{ background-color: {of.chunk}; }}
    QLabel#unet_status {{
        background-color: {of.bar}; color: {of.text}; padding: 5px 8px; font-size: 10pt;
        border-left: 4px solid {of.moods["idle"]};
    }}
    """ + "".join(
        f'QLabel#unet_status[mood="{mood}"] {{ border-left-color: {colour}; }}\n'
        for mood, colour in of.moods.items()
    )

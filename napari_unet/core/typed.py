"""Dataclasses from what a JSON file says, each value checked: the file may be a stranger's.

A field's type is all that it may be: ``"24"`` is no number, and neither is True. What a number may
be at most stands in the field's type, too: ``Annotated[int, Within(1, 8)]``.
"""

from __future__ import annotations

import dataclasses
import math
import reprlib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from .errors import BadInput

T = TypeVar("T")
LONGEST_TEXT = 10_000  # characters of any text
DEEPEST = 20  # lists and tables within one another, where anything may stand
WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


@dataclass(frozen=True)
class Within:
    """The least and the greatest that a number may be, both included."""

    low: float
    high: float

    def check(self, value: float, name: str) -> None:
        if not self.low <= value <= self.high:
            raise BadInput(f"{name} must be from {self.low:g} to {self.high:g}, not {short(value)}")


def from_dict(kind: type[T], values: object, where: str = "") -> T:
    """The dataclass `kind` from what its `to_dict` gave.

    Parameters
    ----------
    values
        Of plain JSON types.
    where
        What the values are called in their file, such as "network"; "" = the whole.

    Raises
    ------
    BadInput
        If a field is unknown (the file is from another version), is missing, or has a value of
        another type or beyond its bounds.
    """
    if not isinstance(values, Mapping):
        raise BadInput(f"{where or 'it'} must be a table of settings, not {short(values)}")
    hints, needed = _fields(kind)  # type: ignore[arg-type]  # a class is hashable
    unknown = sorted(str(name) for name in set(values) - set(hints))
    if unknown:
        raise BadInput(
            f"unknown setting {_listed(unknown)}: written by another version of napari-unet?"
        )
    missing = sorted(needed - set(values))
    if missing:
        raise BadInput(f"{_listed(missing)} is missing" + (f" in {where}" if where else ""))
    inside = f"{where}." if where else ""
    return kind(**{name: _checked(hints[name], v, inside + name) for name, v in values.items()})


@lru_cache(maxsize=64)
def _fields(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """The types of all fields, and the names of those that have no default."""
    fields = dataclasses.fields(kind)
    needed = {
        f.name
        for f in fields
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    return get_type_hints(kind, include_extras=True), frozenset(needed)


def _checked(kind: Any, value: Any, name: str) -> Any:
    """`value` as one of the type `kind`."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        made = _checked(inner[0], value, name)
        for bound in inner[1:]:
            bound.check(made, name)
        return made
    if origin in (Union, types.UnionType):  # of one type and None
        (other,) = (i for i in inner if i is not type(None))
        return None if value is None else _checked(other, value, name)
    if origin is Literal:
        if not any(type(value) is type(i) and value == i for i in inner):
            raise BadInput(f"{name} must be {' or '.join(map(repr, inner))}, not {short(value)}")
        return value
    if origin is tuple:
        return _items(inner, value, name)
    if origin is dict:
        if not isinstance(value, dict):
            raise BadInput(f"{name} must be a table, not {short(value)}")
        return {_checked(inner[0], k, name): _checked(inner[1], v, name) for k, v in value.items()}
    if dataclasses.is_dataclass(kind):
        return from_dict(kind, value, name)  # type: ignore[arg-type]
    return _plain(kind, value, name)


def _items(inner: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    """A list as a tuple: of any length where the type ends in an ellipsis."""
    any_length = len(inner) == 2 and inner[1] is Ellipsis
    if not isinstance(value, list | tuple) or not (any_length or len(value) == len(inner)):
        raise BadInput(
            f"{name} must be a list{'' if any_length else f' of {len(inner)}'}, not {short(value)}"
        )
    kinds = [inner[0]] * len(value) if any_length else inner
    return tuple(_checked(kind, v, name) for kind, v in zip(kinds, value, strict=True))


def _plain(kind: Any, value: Any, name: str) -> Any:
    """A number, text, a truth value, or anything."""
    if kind is Any:
        if _deeper(value, DEEPEST):
            raise BadInput(f"{name} holds lists within lists, more than {DEEPEST} deep")
        return value
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits:
        raise BadInput(f"{name} must be {WORDS[kind]}, not {short(value)}")
    if kind is float and not (abs(value) <= 1e300 and math.isfinite(value)):
        raise BadInput(f"{name} must be a finite number, not {short(value)}")
    if kind is int and abs(value) >= 2**63:
        raise BadInput(f"{name} must be a whole number of at most 63 bits")
    if kind is str and len(value) > LONGEST_TEXT:
        raise BadInput(f"{name} is a text of {len(value)} characters, more than {LONGEST_TEXT}")
    return float(value) if kind is float else value


def _deeper(value: Any, depth: int) -> bool:
    """Whether lists and tables lie within one another more than `depth` times."""
    if not isinstance(value, list | dict | tuple):
        return False
    if depth == 0:
        return True
    items = value.values() if isinstance(value, dict) else value
    return any(_deeper(item, depth - 1) for item in items)


def _listed(names: list[str]) -> str:
    """The first few names, each as long as a name is."""
    few = ", ".join(name[:60] for name in names[:3])
    return few if len(names) <= 3 else f"{few} and {len(names) - 3} more"


def plain_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same with numpy's numbers as Python's: of a script's values nobody checks the types."""
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}


def short(value: Any) -> str:
    """The value in a few words, however large it is."""
    return reprlib.repr(value)[:80]

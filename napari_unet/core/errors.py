"""The one error, and the one warning, that users are meant to see."""

from __future__ import annotations


class BadInput(ValueError):
    """Something the user gave cannot be used; the message is one clear sentence.

    It says what is wrong, where, and what would be right. The command line prints it on
    stderr and exits with 1; the panel shows it in the status line.
    """


class UNetWarning(UserWarning):
    """Something was done, but perhaps not what was meant; the message is one clear sentence."""

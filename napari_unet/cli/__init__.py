"""The command line ``napari-unet``.

Exit code 0: done. 1: failed, with one sentence on stderr. 2: wrong usage.
torch is imported only inside the commands that compute, napari only by `open` and `demo`.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from napari_unet import __version__
from napari_unet.core.errors import BadInput
from napari_unet.core.threads import share_cores

from .predicting import predict
from .scoring import evaluate
from .showing import demo, info, open_window, samples, weights
from .training import resume, train
from .words import printable

app = typer.Typer(
    name="napari-unet",
    help="Paint a few cells, see the weight map, fine-tune a U-Net. "
    "Without a command: napari with the dock open.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=False,
)
GONE = "the folder in which this was started is no longer there; go to another one (cd) first"
COMMANDS: dict[str, Callable[..., None]] = {
    "open": open_window,
    "demo": demo,
    "samples": samples,
    "weights": weights,
    "train": train,
    "resume": resume,
    "predict": predict,
    "evaluate": evaluate,
    "info": info,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-unet {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """Options that stand before a command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process with its code."""
    share_cores()
    _print_any_name()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or (words[0] not in COMMANDS and not words[0].startswith("-")):
        words.insert(0, "open")
    try:
        app(words, prog_name="napari-unet")
    except BadInput as error:
        _fail(str(error))
    except (MemoryError, RuntimeError) as error:
        from napari_unet.core.memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        _fail("out of memory: use smaller tiles (--tile), or the CPU (--device cpu)")
    except OSError as error:
        # strerror without the number; the file, if the system says which
        said = ": ".join(str(p) for p in (error.filename, error.strerror or error) if p)
        _fail(said if _works_somewhere() else GONE)


def _works_somewhere() -> bool:
    """Whether the working folder is still there: without one no path can be told."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _print_any_name() -> None:
    """Print escaped what the terminal's encoding does not hold: file names may be of others."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _fail(words: str) -> None:
    typer.echo(f"napari-unet: {printable(' '.join(words.split()))}", err=True)
    raise SystemExit(1)

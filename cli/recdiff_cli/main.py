"""The application: every command, and what its failures look like.

Exit codes: 0 done, 1 the system or we failed, 2 usage, 3 bad data, 4 verification failed, 5 device absent,
130 interrupted, 141 the reader of stdout left, 143 told to end.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from recdiff.extras import install_with
from recdiff.version import VERSION
from recdiff_cli import accounts, audit, data, doctor, edges, export, model, recommend, review, study
from recdiff_cli.console import note
from recdiff_cli.examples import LINES, epilog
from recdiff_cli.streams import streams

FAILED, USAGE = 1, 2
# What an image that only scores does without; see docs/export.md.
LEFT_OUT_OF_IMAGES = ("torch", "scipy", "sklearn", "onnx", "safetensors")
# PyTorch reads it at its first allocation. A pass over a million users takes 9 s instead of 13, small fits the same.
LARGE_PAGES = {"THP_MEM_ALLOC_ENABLE": "1"}
MISPLACED = (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)

app = typer.Typer(
    name="recdiff-sdk",
    help="Tell real social ties from noise and fakes, and hand the result on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: it reads the same in a log and answers in half the time.
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"recdiff-sdk {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Tell real social edges from noise and fakes, and hand the result on."""


for commands in (data, model, export, edges, accounts, audit, review, recommend, study, doctor):
    commands.register(app)
for each in app.registered_commands:
    each.epilog = epilog(each.name or "")
    each.short_help = LINES.get(each.name or "")


def main() -> None:
    """Run the command line; a user's mistake ends in a message and an exit code, never in a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ended)
    os.environ.update(LARGE_PAGES | os.environ)
    try:
        with streams():
            app()
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing not in LEFT_OUT_OF_IMAGES:
            raise
        _fail(f"this command needs {missing}, which is not installed; run: {install_with()}", USAGE)
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        _fail(_words(error), code)


def _exit_code(error: Exception) -> int | None:
    """Return the code of an error that was raised on purpose, or that the file system raised; else None."""
    if isinstance(error, OSError) and error.errno is not None:
        return USAGE if isinstance(error, MISPLACED) else FAILED
    # The packages' own errors carry theirs; asking for it spares importing all of them.
    return getattr(error, "exit_code", None)


def _words(error: Exception) -> str:
    """Say what failed. The file system's own errors name no more than a file; those of the packages are sentences."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.filename or 'output'}: {error.strerror}"
    return str(error)


def _ended(number: int, frame: FrameType | None) -> NoReturn:
    """End in order: drafts are cleared away. Processes that compute for this one end with it."""
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing else ():
        child.terminate()
    raise SystemExit(128 + number)


def _fail(message: str, code: int) -> NoReturn:
    for line in message.splitlines():
        note(f"error: {line}")
    raise SystemExit(code)

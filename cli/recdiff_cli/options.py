"""Arguments and options that several commands have, and how those of the form NAME=VALUE and SRC,DST are read."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from recdiff.errors import UsageError
from recdiff.machine.memory import parse_size, set_most

DEFAULT_MODEL = Path("recdiff-model")
Data = Annotated[Path, typer.Argument(metavar="DATA", help="Folder with social.* and interactions.* files.")]
ModelFolder = Annotated[Path, typer.Option("--model", metavar="DIR", help="The model folder.")]
DataFolder = Annotated[
    Path | None,
    typer.Option("--data", metavar="DATA", help="Where decisions.csv is kept; default: the data that were fitted."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Directed = Annotated[
    bool | None,
    typer.Option("--directed/--undirected", help="Whether edges have a direction; default: look at the data."),
]
Mapping = Annotated[
    list[str] | None, typer.Option("--map", metavar="COLUMN=NAME", help="What a column is called, e.g. user_id=uid.")
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out rows that have a fault; fit lists them beside the model.")
]
SkipLimit = Annotated[
    float | None,
    typer.Option("--skip-bad-limit", metavar="SHARE", help="Of a table's rows left out at most; default 0.01."),
]
SaveMap = Annotated[
    bool, typer.Option("--save-map", help="Keep what --map says in the folder's recdiff.toml, for every command.")
]
Split = Annotated[Literal["ratio", "time"], typer.Option("--split", help="How to split where the data do not.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the decision.")]
Who = Annotated[str, typer.Option("--who", metavar="NAME", help="Who decides; default: your user name.")]
# Text, not a path: a path would make one slash of the two in postgresql://.
Target = Annotated[
    str | None, typer.Option("--out", metavar="PATH|URL", help="Where to; a server's is a connection string.")
]
Options = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="NAME=VALUE", help="An option of the format, e.g. weight=trust."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace what --out names, also where nothing shows that we wrote it.")
]


def of_model(folder: Path) -> str:
    """Return what a command that is named to go on with needs to mean the model in ``folder``."""
    return "" if folder == DEFAULT_MODEL else f" --model {shlex.quote(str(folder))}"


def _bound(size: str | None) -> str | None:
    """Take the bound over for this command, and none where none is given."""
    set_most(None if size is None else parse_size(size))
    return size


MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        callback=_bound,
        expose_value=False,
        help="What reading a file may take, e.g. 4GB; default: RECDIFF_MAX_MEMORY, or half of the memory.",
    ),
]


def names_of(mapping: list[str] | None) -> dict[str, str]:
    """Return what ``--map COLUMN=NAME`` options say: canonical column -> name in the file.

    Raises:
        UsageError: an option is of another form.
    """
    return _named(mapping, "--map", "COLUMN=NAME, e.g. --map user_id=uid", empty=False)


def values_of(options: list[str] | None) -> dict[str, str]:
    """Return what ``--with NAME=VALUE`` options say; a value may be empty.

    Raises:
        UsageError: an option is of another form.
    """
    return _named(options, "--with", "NAME=VALUE, e.g. --with weight=trust", empty=True)


def _named(texts: list[str] | None, option: str, form: str, *, empty: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not (name and equals and (value or empty)):
            raise UsageError(f"{option} {text}: expected {form}")
        found[name] = value
    return found


def pair_of(text: str) -> tuple[str, str]:
    """Return the two ends that ``SRC,DST`` names.

    Raises:
        UsageError: the text is of another form.
    """
    parts = text.split(",")
    if len(parts) != 2 or not all(parts):
        raise UsageError(f"{text!r}: expected SRC,DST")
    return parts[0], parts[1]

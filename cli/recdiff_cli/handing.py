"""What `clean-edges` and `recommend` share: handing a table on in a format of `recdiff_adapters`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recdiff.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from recdiff_adapters.format import Format

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


def hand_on(
    table: pa.Table,
    formats: Mapping[str, Format],
    name: str,
    out: str | None,
    stem: str,
    given: list[str] | None,
    *,
    force: bool,
) -> str:
    """Write ``table`` and return what to call the place.

    Args:
        stem: begins the place's name where no ``out`` is given. given: options of the format, NAME=VALUE each.
        force: replace what is there also where nothing shows that we wrote it.

    Raises:
        UsageError: no ``out`` for a server, or an option that is not NAME=VALUE.
        AdapterError: the format is unknown, or cannot take the table, or something else is there.
    """
    from recdiff.model.folder import is_model
    from recdiff_adapters import find_format, write

    chosen = find_format(name, formats)
    server = chosen.target == "server"
    if server and out is None:
        raise UsageError(f"--format {name} needs --out with a connection string")
    options = chosen.parse(dict(_pair(each) for each in given or []))
    place = out or f"{stem}{chosen.suffix or '-' + name}"
    if not server and is_model(Path(place).absolute().parent):
        raise UsageError(f"{place} would lie in a model folder, which could then not be read; name another --out")
    write(name, table, place, force=force, **options)
    return name if server else place  # a connection string may hold a password


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"--with {text}: expected NAME=VALUE, e.g. --with weight=trust")
    return name, value

"""What `clean-edges` and `recommend` share: handing a table on in a format of `recdiff_adapters`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recdiff.errors import UsageError
from recdiff_cli.options import values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from recdiff_adapters.format import Format


def hand_on(
    table: pa.Table,
    formats: Mapping[str, Format],
    *,
    name: str,
    out: str | None,
    stem: str,
    given: list[str] | None,
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
    options = chosen.parse(values_of(given))
    place = out or f"{stem}{chosen.suffix or '-' + name}"
    if not server and is_model(Path(place).absolute().parent):
        raise UsageError(f"{place} would lie in a model folder, which could then not be read; name another --out")
    write(name, table, place, force=force, **options)
    return name if server else place  # a connection string may hold a password

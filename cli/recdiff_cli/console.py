"""What a person sees: progress and notes on stderr, tables and JSON on stdout."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from recdiff.machine.progress import Report, silent

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.progress import TaskID

# Control characters, and those that turn the direction of writing or break a line.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Return ``text`` with what would steer a terminal (escape sequences, line breaks, reversed order) spelled out."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str) -> None:
    """Print lines to stdout; an id in them cannot steer the terminal."""
    print("\n".join(map(visible, text.split("\n"))))


def note(message: str) -> None:
    """Print lines to stderr; an id in them cannot steer the terminal."""
    print("\n".join(map(visible, message.split("\n"))), file=sys.stderr)


def print_json(value: Any) -> None:
    """Print one JSON object to stdout; what steers a terminal is spelled ``\\u009b``, which reads back the same."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    print(_STEERING.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a short table to stdout; numbers to the right, as wide as it needs where stdout is no terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    body = [list(row) for row in rows]
    table = Table(
        title=None if title is None else visible(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for position, name in enumerate(columns):
        numeric = all(isinstance(row[position], int | float) for row in body)
        table.add_column(visible(name), justify="right" if numeric else "left", overflow="fold")
    for row in body:
        table.add_row(*map(_cell, row))
    console = Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False, emoji=False)
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}"
    return visible(str(value))


def verbatim(table: pa.Table, *columns: str) -> list[dict[str, Any]]:
    """Return the rows of ``table`` for printing; ``columns`` of ids as text, so that nothing groups their digits."""
    return [row | {name: str(row[name]) for name in columns} for row in table.to_pylist()]


@contextmanager
def progress() -> Iterator[Report]:
    """Yield a report that draws one bar per stage, with rate and time left, on stderr; silent off a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, rate="")
            speed = bars.tasks[tasks[stage]].speed
            bars.update(tasks[stage], completed=done, total=total, rate=f"{speed:,.1f}/s" if speed else "")

        yield report


def said_share(found: Mapping[str, Any]) -> str:
    """Return the share of fakes in words: the best guess, between which values it lies, and whether it was audited."""
    audited = f"audited, n = {found['answers']}" if found["audited"] else "not audited"
    return f"{found['estimate']:.3f} ({found['low']:.3f} to {found['high']:.3f}, {audited})"

"""What a person sees: progress and notes on stderr, tables and JSON on stdout."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from recdiff.machine.progress import Report, silent

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.progress import TaskID

UNBOUNDED = 200
"""Columns of a table where stdout is no terminal."""
WRAPPED = 24
"""Columns from which on text goes on in the next line."""
EDGES, BETWEEN = 2, 3
NOTHING = ("", "-")
_NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?( \(| to |$)")
# Control characters, and those that turn the direction of writing or break a line.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Return ``text`` with what would steer a terminal (escape sequences, line breaks, reversed order) spelled out."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str) -> None:
    """Print lines to stdout; an id in them cannot steer the terminal."""
    print("\n".join(map(visible, text.split("\n"))))


def say_wrapped(sentence: str) -> None:
    """Print a sentence to stdout, broken between words where a terminal is narrower; off a terminal it stays one line.

    Nothing that is to be copied as a whole, such as a command, goes through here.
    """
    said = visible(sentence)
    if sys.stdout.isatty():
        said = textwrap.fill(said, _width(), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    print(said)


def note(message: str) -> None:
    """Print lines to stderr; an id in them cannot steer the terminal."""
    print("\n".join(map(visible, message.split("\n"))), file=sys.stderr)


def print_json(value: Any) -> None:
    """Print one JSON object to stdout; what steers a terminal is spelled ``\\u009b``, which reads back the same."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    print(_STEERING.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a short table to stdout, the columns that matter most first; numbers to the right.

    Columns that a terminal is too narrow for are left out and named; where stdout is no terminal all are printed.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    body = [list(row) for row in rows]
    width = _width()
    fitting = _fitting(columns, body, width)
    table = Table(
        title=None if title is None else visible(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for position, name in enumerate(columns[:fitting]):
        numeric = _is_numeric([row[position] for row in body])
        least = max(map(len, visible(name).split()), default=0)
        table.add_column(
            visible(name), justify="right" if numeric else "left", overflow="fold", min_width=least, no_wrap=numeric
        )
    for row in body:
        table.add_row(*map(_cell, row[:fitting]))
    Console(width=width, markup=False, highlight=False, emoji=False).print(table)
    if fitting < len(columns):
        note(f"too wide for {width} columns: {', '.join(columns[fitting:])}")


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUNDED


def _fitting(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> int:
    """Return how many columns, from the first on, ``width`` has room for; two at least."""
    room = width - EDGES
    for position, name in enumerate(columns):
        values = [row[position] for row in rows]
        longest = max((len(_cell(value)) for value in values), default=0)
        word = max(map(len, visible(name).split()), default=0)
        room -= max(word, longest if _is_numeric(values) else min(longest, WRAPPED)) + (BETWEEN if position else 0)
        if room < 0 and position >= 2:
            return position
    return len(columns)


def _is_numeric(values: Sequence[object]) -> bool:
    """Tell whether numbers, plain or in words such as 14 (5 to 23), are most of ``values``."""
    said = [value for value in values if value not in NOTHING]
    numbers = sum(isinstance(value, int | float) or bool(_NUMBER.match(str(value))) for value in said)
    return 2 * numbers > len(said)


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

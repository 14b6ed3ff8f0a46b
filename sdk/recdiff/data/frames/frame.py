"""A data frame of any library that speaks Arrow, its columns converted one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from recdiff.data.ids import is_text
from recdiff.data.problems import Problem, data_error, shorten
from recdiff.data.table_file import DAMAGED
from recdiff.errors import UsageError

ACCEPTED = (
    "a pandas, Polars or Arrow table, anything else with __arrow_c_stream__, or a dict of columns of equal length"
)


@dataclass(frozen=True)
class Frame:
    """A frame whose columns are converted one by one, so that what is not asked for costs nothing.

    Attributes:
        path: what errors call it, where they name a file otherwise.
        header: the column names; names that are no text are spelled out.
        column: the values of a column by its place in the header, as they were given.
    """

    path: Path
    header: tuple[str, ...]
    column: Callable[[int], Any]

    @classmethod
    def of(cls, given: Any, name: str) -> Frame:
        """Take over a frame that is called ``name``.

        Raises:
            UsageError: it is no table.
            DataError: its library cannot hand it over as Arrow.
        """
        path = Path(f"the {name} frame")
        if hasattr(given, "iloc"):
            return cls(path, tuple(map(str, given.columns)), lambda at: given.iloc[:, at])
        if isinstance(given, Mapping):
            columns = list(given.values())
            return cls(path, tuple(map(str, given)), lambda at: columns[at])
        if hasattr(given, "collect"):
            raise UsageError(f"{path}: a {type(given).__name__} holds no rows yet; call its collect() first")
        if not hasattr(given, "__arrow_c_stream__"):
            raise UsageError(f"{path}: {shorten(given)} is no table; accepted: {ACCEPTED}")
        try:
            table = pa.table(given)
        except DAMAGED as error:
            raise data_error(path, [Problem(" ".join(str(error).split()))]) from None
        return cls(path, tuple(table.column_names), table.column)

    def columns(self, names: Sequence[str]) -> dict[str, pa.ChunkedArray]:
        """Return the columns ``names`` as Arrow: numbers as they lie in memory, texts as one type.

        Raises:
            DataError: a column mixes kinds of values, or the columns differ in length.
        """
        found: dict[str, pa.ChunkedArray] = {}
        problems: list[Problem] = []
        for name in names:
            values = self.column(self.header.index(name))
            try:
                found[name] = _arrow(values)
            except DAMAGED as error:
                problems.append(_mixed(values, name, error))
        if len(set(map(len, found.values()))) > 1:
            lengths = ", ".join(f"{name} {len(values):,}" for name, values in found.items())
            problems.append(Problem(f"columns differ in length: {lengths}; each row needs a value in every column"))
        if problems:
            raise data_error(self.path, problems)
        return found


def _arrow(values: Any) -> pa.ChunkedArray:
    """Return a column as Arrow, without a copy where its memory allows that; gaps of pandas are nulls."""
    column = values if isinstance(values, pa.ChunkedArray | pa.Array) else _converted(values)
    column = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    kind = column.type
    if pa.types.is_dictionary(kind) and is_text(kind.value_type):
        return column.cast(pa.dictionary(pa.int32(), pa.string()))
    return column.cast(pa.large_string()) if is_text(kind) else column


def _converted(values: Any) -> pa.Array | pa.ChunkedArray:
    if hasattr(values, "__arrow_c_stream__") and not hasattr(values, "iloc"):
        return pa.chunked_array(values)
    return pa.array(values, from_pandas=True)


def _mixed(values: Any, name: str, error: BaseException) -> Problem:
    """Return the problem of a column that Arrow refuses, with the first row that is unlike those before it."""
    kinds = [type(value) for value in values]
    row = next((at for at, kind in enumerate(kinds) if kind is not kinds[0]), None)
    if row is None:
        return Problem(f"cannot be read: {' '.join(str(error).split())}", column=name)
    odd = list(values)[row]
    text = (
        f"{shorten(odd)} is {_article(kinds[row])}, and rows before it hold {_article(kinds[0])}; "
        "make the column one kind, e.g. with .astype(str)"
    )
    return Problem(text, row, name)


def _article(kind: type) -> str:
    return f"an {kind.__name__}" if kind.__name__[0] in "aeio" else f"a {kind.__name__}"

"""Find the files of a data folder, and read those that are folders of parts."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recdiff.data.columns import Schema
from recdiff.data.ids import Gathered
from recdiff.data.problems import Problem, data_error
from recdiff.data.rows.keys import keys_of
from recdiff.data.rows.left_out import LeftRow, refuse_too_many
from recdiff.data.table_file import DAMAGED, Table, read_table, unreadable
from recdiff.data.text_file import COMPRESSIONS, delimiter_of, is_parquet
from recdiff.errors import DataError

_TABLES = (".csv", ".tsv", ".parquet")
_RECBOLE = {"interactions": ".inter", "social": ".net"}
FURTHER = ("split", "time")
"""What a table may have of each row beside ids."""
_PICKLES = (".pkl", ".pickle", ".pkl.zip")

EXPECTED = (
    "expected social.{csv,tsv,parquet} and interactions.{csv,tsv,parquet} (text also as .gz or .zst), "
    "or RecBole's NAME.net and NAME.inter, or the published dataset.pkl"
)


@dataclass(frozen=True)
class Files:
    """What a data folder holds: one pickle, or a social file and perhaps an interactions file.

    Attributes:
        others: tables that are neither.
    """

    social: Path | None = None
    interactions: Path | None = None
    pickle: Path | None = None
    others: tuple[str, ...] = ()


def find(path: Path) -> Files:
    """Find the input files at ``path``, a folder or the published pickle itself.

    Raises:
        DataError: nothing there, no social file, or more than one file for the same table.
    """
    if path.is_file():
        return _single(path)
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; {EXPECTED}")
    # An engine's table is a folder of parts.
    names = sorted(entry.name for entry in path.iterdir() if entry.is_file() or is_parquet(entry))
    social = _candidates(path, names, "social")
    interactions = _candidates(path, names, "interactions")
    pickles = [path / name for name in names if name.lower().endswith(_PICKLES)]
    if pickles and not social and not interactions:
        return Files(pickle=_only(path, "published data", pickles))
    if not social:
        raise DataError(f"{path}: no social file{_near(names, 'social')}; found {_listed(names)}; {EXPECTED}")
    if not interactions and _near(names, "interactions"):
        raise DataError(
            f"{path}: no interactions file{_near(names, 'interactions')}; rename it, or move it away to fit on "
            "edges alone"
        )
    taken = {each.name for each in (*social, *interactions)}
    return Files(
        others=tuple(name for name in names if name not in taken and _uncompressed(name.lower()).endswith(_TABLES)),
        social=_only(path, "social", social),
        interactions=_only(path, "interactions", interactions) if interactions else None,
    )


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return the file at ``path``, or the files of the folder there in the order of their names.

    Raises:
        DataError: there is none.
    """
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    # Engines leave markers such as _SUCCESS and .crc files beside the parts.
    entries = sorted(entry for entry in path.rglob("*") if not entry.name.startswith(("_", ".")))
    parts = tuple(entry for entry in entries if entry.is_file() and (is_parquet(entry) or delimiter_of(entry)))
    if not parts:
        raise DataError(f"{path}: holds no part; accepted: .parquet, .csv, .tsv and .net files, text also .gz or .zst")
    return parts


def read_tables(
    path: Path,
    schema: Schema,
    mapping: Mapping[str, str],
    *,
    with_time: bool = False,
    skip_bad: float | None = None,
) -> Table:
    """Read the file at ``path``, or the parts of the folder there one after the other, as ``schema`` says.

    Args:
        skip_bad: leave out rows that have a fault, up to this share of all; None leaves out none.

    Raises:
        DataError: as ``recdiff.data.table_file.read_table``, parts differ in their columns, or more rows have a fault
            than may be left out.
    """
    read = partial(read_table, schema=schema, mapping=mapping, with_time=with_time, skip_bad=skip_bad is not None)
    table = _read_parts(path, read) if path.is_dir() else read(path)
    if skip_bad is not None:
        refuse_too_many(path, table.left_out, table.rows, skip_bad)
    return table


def _read_parts(path: Path, read: Callable[..., Table]) -> Table:
    parts = parts_of(path)
    filled = [part for part in parts if not (is_parquet(part) and _is_empty(part))] or parts[:1]
    together = _Together(read(filled[0], keys=keys_of(path, filled[0])))
    for part in filled[1:]:
        together.add(read(part, keys=keys_of(path, part)))
    return together.whole(path)


class _Together:
    """Tables one after the other. Of each, only what it adds is held: 4 bytes a row and id column, and new ids."""

    def __init__(self, first: Table) -> None:
        self._first = replace(first, ids={}, split=None, time=None)
        self._ids = {name: Gathered() for name in first.ids}
        self._further: dict[str, list[NDArray[Any]]] = {
            name: [] for name in FURTHER if getattr(first, name) is not None
        }
        self._rows = 0
        self._left_out: tuple[LeftRow, ...] = ()
        self.add(first)

    def add(self, table: Table) -> None:
        """Add the rows of ``table``.

        Raises:
            DataError: it has a column that the first table has not, or lacks one.
        """
        for name in FURTHER:
            if (getattr(table, name) is not None) != (name in self._further):
                told = f"and {self._first.path.name}: only one of them has column {name}"
                raise data_error(table.path, [Problem(told)])
        for name, column in self._ids.items():
            column.add(table.ids[name])
        for name, values in self._further.items():
            values.append(getattr(table, name))
        self._rows += table.rows
        self._left_out += table.left_out

    def whole(self, path: Path) -> Table:
        """Return all rows as the table at ``path``."""
        further = {name: np.concatenate(values) for name, values in self._further.items()}
        ids = {name: column.whole() for name, column in self._ids.items()}
        return replace(
            self._first,
            path=path,
            rows=self._rows,
            ids=ids,
            split=further.get("split"),
            time=further.get("time"),
            left_out=self._left_out,
        )


def _is_empty(part: Path) -> bool:
    try:
        return int(pq.read_metadata(part).num_rows) == 0
    except DAMAGED as error:
        raise unreadable(part, error) from None


def _single(path: Path) -> Files:
    if not path.name.lower().endswith(_PICKLES):
        raise DataError(f"{path}: is a file; give the folder that holds it. {EXPECTED}")
    return Files(pickle=path)


def _candidates(folder: Path, names: list[str], table: str) -> list[Path]:
    return [folder / name for name in names if _is_table(name, table)]


def _is_table(name: str, table: str) -> bool:
    name = name.lower()
    plain = _uncompressed(name)
    if plain.endswith(_RECBOLE[table]):
        return True
    stem, _, suffix = plain.partition(".")
    return stem == table and f".{suffix}" in _TABLES and (plain == name or f".{suffix}" != ".parquet")


def _uncompressed(name: str) -> str:
    return next((name.removesuffix(end) for end in COMPRESSIONS if name.endswith(end)), name)


def _only(folder: Path, table: str, candidates: list[Path]) -> Path:
    if len(candidates) > 1:
        names = " and ".join(path.name for path in candidates)
        raise DataError(f"{folder}: {names} could each be the {table} file; keep one of them")
    return candidates[0]


def _near(names: list[str], table: str) -> str:
    """Return a hint for a table file whose name is almost ``table``."""
    stems = {}
    for name in names:
        stem, _, suffix = _uncompressed(name.lower()).partition(".")
        if f".{suffix}" in _TABLES:
            stems[stem] = name
    close = difflib.get_close_matches(table, stems, n=1, cutoff=0.75)
    return f" (did you mean {stems[close[0]]} to be it?)" if close else ""


def _listed(names: list[str]) -> str:
    if not names:
        return "nothing"
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")

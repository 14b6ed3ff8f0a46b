"""Read one file of interactions or ties, column by column, and find everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recdiff.arrays import Positions, position_type
from recdiff.data.columns import IDS, NUMBERS, Schema, resolve, unused, wrong_types
from recdiff.data.exact_scan import Scan
from recdiff.data.ids import Coded, Ids, is_text
from recdiff.data.problems import COUNTED, Problem, data_error, shorten
from recdiff.data.rows.faults import SPLITS, Found, faults_of, seconds
from recdiff.data.rows.keys import Keys, repeated
from recdiff.data.rows.left_out import LeftRow
from recdiff.data.text_file import TextFile, is_parquet
from recdiff.errors import BadRowsError, DataError
from recdiff.storage.bounded import check_batches, held, parquet_columns, without_views

_BATCH = 1 << 16
DAMAGED = (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError)
"""What reading a damaged Parquet file raises; names that are not UTF-8 fail in Python."""


@dataclass(frozen=True)
class Table:
    """One file's rows.

    Attributes:
        path: the file.
        rows: number of rows.
        ids: the id columns by canonical name.
        split: int8 (rows,), 0 train, 1 validation, 2 test; None where the file has no such column.
        time: float64 (rows,), seconds, of interactions (where asked for) or of ties; None where there are none.
        checked: canonical names of columns that were checked but carry nothing further (rating, weight).
        unused: columns of the file that were not looked at.
        left_out: rows that have a fault and were left out because that was asked for.
    """

    path: Path
    rows: int
    ids: Mapping[str, Coded]
    split: NDArray[np.int8] | None
    time: NDArray[np.float64] | None
    checked: tuple[str, ...]
    unused: tuple[str, ...]
    left_out: tuple[LeftRow, ...] = ()


@dataclass(frozen=True)
class Source:
    """Columns as they lie in a file.

    Attributes:
        broken: rows that are not among those of the columns.
        lines: turns row indices into row numbers.
        reread: the same, with the rows themselves and all that are broken; None where rows cannot be left out.
    """

    path: Path
    names: Mapping[str, str]
    columns: Mapping[str, pa.ChunkedArray]
    unused: tuple[str, ...]
    spelled: bool
    broken: Scan
    lines: Callable[[Sequence[int]], dict[int, int]]
    reread: Callable[[Sequence[int]], Scan] | None = None


def read_table(
    path: Path,
    schema: Schema,
    mapping: Mapping[str, str],
    *,
    keys: Keys | None = None,
    with_time: bool = False,
    skip_bad: bool = False,
) -> Table:
    """Read the file at ``path`` as ``schema`` says.

    Args:
        path: csv or tsv (plain, .gz or .zst), RecBole .inter or .net, or parquet.
        schema: which columns it has.
        mapping: canonical column name -> name in the file, for names that are not recognised.
        keys: columns that are not in the file but have one value, or null, for all of its rows.
        with_time: whether the timestamps of interactions are needed; else they are not looked at.
        skip_bad: leave out the rows that have a fault.

    Raises:
        DataError: the file cannot be read, or some of it cannot be used; every problem is named.
    """
    return checked(_open(path, schema, mapping, keys or {}), with_time=with_time, skip_bad=skip_bad)


def checked(source: Source, *, with_time: bool = False, skip_bad: bool = False) -> Table:
    """Return the rows of ``source``.

    Raises:
        BadRowsError: some rows cannot be used, and may be left out; every problem is named.
        DataError: some of it cannot be used; every problem is named.
    """
    wanted = {name: column for name, column in source.columns.items() if name != "timestamp" or with_time}
    found = {name: faults_of(name, column) for name, column in wanted.items()}
    problems, total = _place(source, found)
    left_out: tuple[LeftRow, ...] = ()
    if problems:
        refusal = data_error(source.path, problems, total)
        if source.reread is None or not source.broken.whole or total > COUNTED:
            raise refusal
        if not skip_bad:
            raise BadRowsError(str(refusal))
        wanted, left_out = _without_faults(source, wanted)
    rows = len(next(iter(wanted.values())))
    if rows == 0 and not left_out:
        raise data_error(source.path, [Problem("the file has a header and no rows; it needs at least one row")])
    return Table(
        path=source.path,
        rows=rows,
        ids={name: _coded(column, source.spelled) for name, column in wanted.items() if name in IDS},
        split=_split_of(wanted["split"]) if "split" in wanted else None,
        time=next((_time_of(wanted[name]) for name in ("timestamp", "tied_at") if name in wanted), None),
        checked=tuple(name for name in wanted if name in NUMBERS),
        unused=source.unused,
        left_out=left_out,
    )


def _without_faults(
    source: Source, wanted: Mapping[str, pa.ChunkedArray]
) -> tuple[dict[str, pa.ChunkedArray], tuple[LeftRow, ...]]:
    """Return the sound rows of ``wanted``, and the others: once each, with their first fault."""
    assert source.reread is not None
    found = {
        (fault.row or 0): (fault.text, source.names[name])
        for name in reversed(list(wanted))
        for fault in faults_of(name, wanted[name], shown=COUNTED)[0]
    }
    scan = source.reread(list(found))
    left = [
        LeftRow(str(source.path), scan.lines[at], column, text, scan.raw[scan.lines[at]])
        for at, (text, column) in found.items()
    ]
    left += [
        LeftRow(str(source.path), row, "", each.text, scan.raw[row]) for each in scan.problems if (row := each.row)
    ]
    sound = np.ones(len(next(iter(wanted.values()))), bool)
    sound[list(found)] = False
    kept = {name: column.filter(pa.array(sound)) for name, column in wanted.items()}
    return kept, tuple(sorted(left, key=lambda each: each.row))


def _open(path: Path, schema: Schema, mapping: Mapping[str, str], keys: Keys) -> Source:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    return (_open_parquet if is_parquet(path) else _open_text)(path, schema, mapping, keys)


def _open_text(path: Path, schema: Schema, mapping: Mapping[str, str], keys: Keys) -> Source:
    text = TextFile.of(path).by(schema, mapping)
    keys = {key: value for key, value in keys.items() if key not in text.header}
    header = (*text.header, *keys)
    names, problems = resolve(header, schema, mapping)
    if problems:
        exact = text.scan()
        raise data_error(path, problems + exact.problems, len(problems) + exact.total)
    wanted = [column for column in dict.fromkeys(names.values()) if column not in keys]
    coded = pa.dictionary(pa.int32(), pa.string())
    breaks: list[bool] = []
    batches = list(held(path, text.batches(wanted, coded, on_broken=lambda: breaks.append(True))))
    columns = {
        name: pa.chunked_array(
            [repeated(keys[column], len(batch)) if column in keys else batch.column(column) for batch in batches], coded
        )
        for name, column in names.items()
    }

    def locate(indices: Sequence[int]) -> dict[int, int]:
        return text.scan(indices).lines

    def reread(indices: Sequence[int]) -> Scan:
        return text.scan(indices, COUNTED)

    broken = text.scan() if breaks else Scan()
    return Source(
        path=path,
        names=names,
        columns=columns,
        unused=unused(header, names),
        spelled=True,
        broken=broken,
        lines=locate,
        reread=reread,
    )


def _open_parquet(path: Path, schema: Schema, mapping: Mapping[str, str], keys: Keys) -> Source:
    if path.stat().st_size == 0:
        raise data_error(path, [Problem("the file is empty; it needs columns and rows")])
    try:
        with pq.ParquetFile(path) as file:
            keys = {key: value for key, value in keys.items() if key not in file.schema_arrow.names}
            header = [*file.schema_arrow.names, *keys]
            names, problems = resolve(header, schema, mapping)
            stored = {name: column for name, column in names.items() if column not in keys}
            problems += wrong_types(file.schema_arrow, stored)
            if problems:
                raise data_error(path, problems)
            wanted = list(dict.fromkeys(stored.values()))
            texts = [name for name in wanted if is_text(file.schema_arrow.field(name).type)]
        table = parquet_columns(path, wanted, texts)
    except DAMAGED as error:
        raise unreadable(path, error) from None
    columns = {name: table.column(column) for name, column in stored.items()}
    columns |= {name: pa.chunked_array([repeated(keys[names[name]], len(table))]) for name in set(names) - set(stored)}
    left = unused(header, names)
    return Source(
        path=path,
        names=names,
        columns=columns,
        unused=left,
        spelled=False,
        broken=Scan(),
        lines=_parquet_rows,
        reread=partial(_parquet_again, path),
    )


def _parquet_rows(indices: Sequence[int]) -> dict[int, int]:
    return {index: index + 1 for index in indices}


def _parquet_again(path: Path, indices: Sequence[int]) -> Scan:
    """Read the rows at ``indices`` with all their columns, batch by batch; their text is JSON."""
    wanted, raw, before = np.sort(np.asarray(indices, np.int64)), dict[int, str](), 0
    with pq.ParquetFile(path) as file:
        check_batches(path, file, _BATCH)
        for batch in file.iter_batches(_BATCH):
            here = wanted[(wanted >= before) & (wanted < before + batch.num_rows)]
            for at, row in zip(
                here.tolist(), without_views(batch).take(pa.array(here - before)).to_pylist(), strict=True
            ):
                raw[at + 1] = json.dumps(row, ensure_ascii=False, default=str)
            before += batch.num_rows
    return Scan(lines=_parquet_rows(indices), raw=raw)


def _place(source: Source, found: Mapping[str, Found]) -> Found:
    """Give every fault its row number and its column's name."""
    indices = sorted({fault.row for faults, _ in found.values() for fault in faults if fault.row is not None})
    lines = source.lines(indices) if indices else {}
    placed = [
        Problem(fault.text, None if fault.row is None else lines.get(fault.row), source.names[name])
        for name, (faults, _) in found.items()
        for fault in faults
    ]
    return source.broken.problems + placed, source.broken.total + sum(count for _, count in found.values())


def _coded(column: pa.ChunkedArray, spelled: bool) -> Coded:
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    coded = coded.unify_dictionaries().combine_chunks()
    kind = pa.int64() if pa.types.is_integer(coded.dictionary.type) else pa.string()
    codes = np.asarray(coded.indices.to_numpy(zero_copy_only=False))
    # A dictionary may hold values that no row uses; they name nobody.
    used = np.zeros(len(coded.dictionary), bool)
    used[codes] = True
    values = coded.dictionary.filter(pa.array(used)).cast(kind)
    return Coded(values, (np.cumsum(used) - 1).astype(position_type(len(used)))[codes], spelled)


def _split_of(column: pa.ChunkedArray) -> NDArray[np.int8]:
    coded = _coded(column, True)
    parts = np.array([SPLITS[value.lower()] for value in coded.values.to_pylist()], np.int8)
    return parts[coded.codes]


def _time_of(column: pa.ChunkedArray) -> NDArray[np.float64]:
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    return np.concatenate([np.asarray(seconds(chunk).to_numpy(zero_copy_only=False)) for chunk in plain.chunks])


def refuse_strangers(
    tables: tuple[Table, Table], users: Ids, *, who: Positions, src: Positions, dst: Positions
) -> None:
    """Raise where no user of the social table has an interaction.

    Args:
        tables: ties and interactions.
        who, src, dst: positions in ``users`` of whoever interacted and of the two ends of each tie.

    Raises:
        DataError: no user has.
    """
    social, interactions = tables
    active = np.zeros(len(users), bool)
    active[who] = True
    if active[src].any() or active[dst].any():
        return
    theirs, ours = (users.take(ends[:1])[0].as_py() for ends in (src, who))
    text = (
        f"none of its users is in {interactions.path.name}: it names users such as {shorten(theirs)}, "
        f"{interactions.path.name} such as {shorten(ours)}; the two files must use the same user ids"
    )
    raise data_error(social.path, [Problem(text)])


def unreadable(path: Path, error: BaseException) -> DataError:
    """Return the error for a Parquet file that fails to open or to read with ``error`` (one of DAMAGED)."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return data_error(path, [Problem(f"not a readable Parquet file: {reason}")])

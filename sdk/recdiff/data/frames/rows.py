"""Rows of a data frame, with the checks that files have; a row is named by its place, from 0, as ``iloc`` counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from recdiff.data.columns import IDS, Schema, resolve, unused, wrong_types
from recdiff.data.direction import said, type_column
from recdiff.data.exact_scan import Scan
from recdiff.data.frames.frame import Frame
from recdiff.data.problems import Problem, data_error
from recdiff.data.table_file import Source, Table, checked
from recdiff.errors import DataError


def read_frame(given: Any, schema: Schema, mapping: Mapping[str, str], *, with_time: bool = False) -> Table:
    """Read a frame as ``schema`` says.

    Args:
        given: see ``ACCEPTED``.
        schema: which columns it has.
        mapping: canonical column name -> name in the frame, for names that are not recognised.
        with_time: whether the timestamps of interactions are needed; else they are not looked at.

    Raises:
        UsageError: it is no table.
        DataError: some of it cannot be used; every problem is named.
    """
    frame = Frame.of(given, schema.table)
    names, problems = resolve(frame.header, schema, mapping)
    if problems:
        raise data_error(frame.path, problems)
    held = frame.columns(list(dict.fromkeys(names.values())))
    held.update({names[name]: _whole(held[names[name]]) for name in IDS & set(names)})
    problems = wrong_types(pa.schema([(name, values.type) for name, values in held.items()]), names)
    if problems:
        raise data_error(frame.path, problems)
    if not len(next(iter(held.values()))):
        raise data_error(frame.path, [Problem("there are columns and no rows; at least one row is needed")])
    source = Source(
        path=frame.path,
        names=names,
        columns={name: held[column] for name, column in names.items()},
        unused=unused(frame.header, names),
        spelled=False,
        broken=Scan(),
        lines=lambda indices: {index: index for index in indices},
    )
    return checked(source, with_time=with_time)


def frame_direction(given: Any, social: Table) -> bool | None:
    """Return whether edges are directed as a column ``type`` of the frame says in every row; None where it does not."""
    name = type_column(social.unused)
    if name is None:
        return None
    try:
        return said(Frame.of(given, "social").columns([name])[name].chunks)
    except DataError:
        return None  # Whatever the column holds, it is not the word.


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return ids with gaps, which pandas turns into floats, as the whole numbers they were: the gaps can be named."""
    if not (pa.types.is_floating(column.type) and column.null_count):
        return column
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column

"""PostgreSQL table, filled with COPY through psycopg."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pyarrow as pa

from recdiff_adapters.csv import csv_blocks
from recdiff_adapters.error import AdapterError
from recdiff_adapters.library import load_library
from recdiff_adapters.proof import check_table
from recdiff_adapters.table import Pairs, read_pairs
from recdiff_adapters.text import NUL, refuse_text


def to_postgres(table: pa.Table, target: Any, *, name: str | None = None, force: bool = False) -> None:
    """Write the rows into a PostgreSQL table, in one transaction.

    ``target`` is a connection string (``postgresql://user@host/database``) or an open psycopg connection;
    ``name`` is the table's, "edges" or "recommendations" unless told otherwise, or ``schema.table``. A table
    of that name is replaced, if it is one of ours or with ``force``, when the new one is complete; readers see
    the old one until then. Raises OptionError where it is somebody else's, AdapterError for a bad table, a NUL
    character and for what the server refuses; the connection string is never shown.
    """
    psycopg = load_library("psycopg", "postgres")
    pairs = read_pairs(table)
    if not isinstance(target, psycopg.Connection):
        _check_target(psycopg, str(target))
    refuse_text(pairs, NUL, "PostgreSQL's text cannot hold a NUL character")
    try:
        if isinstance(target, psycopg.Connection):
            _replace(target, pairs, name or pairs.kind, force=force)
        else:
            with psycopg.connect(str(target)) as connection:
                _replace(connection, pairs, name or pairs.kind, force=force)
    except psycopg.Error as error:
        raise AdapterError(f"PostgreSQL: {str(error).strip()}") from error


def _check_target(psycopg: Any, target: str) -> None:
    try:
        load_library("psycopg.conninfo", "postgres").conninfo_to_dict(target)
    except psycopg.Error:
        # The driver's message repeats the string, and a password may be in it: it is not passed on.
        raise AdapterError(
            "PostgreSQL: the connection string cannot be read; expected postgresql://user@host:port/database"
        ) from None


def _replace(connection: Any, pairs: Pairs, name: str, *, force: bool) -> None:
    sql = load_library("psycopg.sql", "postgres")
    *schema, last = name.split(".")
    old = sql.Identifier(*schema, last)
    new = sql.Identifier(*schema, f"recdiff_{uuid4().hex}")
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(_type(field.type))) for field in pairs.table.schema
    )
    copy_rows = sql.SQL("COPY {} FROM STDIN WITH (FORMAT csv)").format(new)
    with connection.transaction(), connection.cursor() as cursor:
        # The blocks are UTF-8, whatever the database and the environment are set to.
        cursor.execute("SET LOCAL client_encoding = 'UTF8'")
        cursor.execute("SELECT to_regclass(%s)", [old.as_string(connection)])
        if cursor.fetchone() != (None,):
            cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(old))
            check_table(name, [column.name for column in cursor.description], pairs.kind, force=force)
        cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(new, columns))
        with cursor.copy(copy_rows) as copy:
            for block in csv_blocks(pairs.table):
                copy.write(block)
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(old))
        cursor.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(new, sql.Identifier(last)))


def _type(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "BIGINT"
    if pa.types.is_boolean(kind):
        return "BOOLEAN"
    return "DOUBLE PRECISION" if pa.types.is_floating(kind) else "TEXT"

"""Tables in a real PostgreSQL server."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from recdiff_adapters import AdapterError, to_postgres
from tests.adapters import adapter_samples as samples

psycopg = pytest.importorskip("psycopg")


def read(target: str, query: str = "SELECT * FROM edges") -> list[Any]:
    with psycopg.connect(target) as connection:
        found: list[Any] = connection.execute(query).fetchall()
        return found


def test_rows_come_back_with_their_types(server: str) -> None:
    for table in (samples.edges(), samples.integer_edges(), samples.empty_edges(), samples.ring(samples.ODD_IDS)):
        to_postgres(table, server)
        assert read(server) == samples.rows(table)
    to_postgres(samples.recommendations(), server)
    assert read(server, "SELECT * FROM recommendations") == samples.rows(samples.recommendations())
    left = read(server, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    assert left == [("edges",), ("recommendations",)]


def test_the_commands_write_where_the_connection_string_says(
    server: str, run: Callable[..., tuple[int, str, str]], model_folder: Path
) -> None:
    secret = server.replace("recdiff@", "recdiff:hush@")
    for command, name in (("clean-edges", "said_edges"), ("recommend", "said_items")):
        said = run(command, "--model", model_folder, "--format", "postgres", "--out", secret, "--with", f"name={name}")
        assert said[0] == 0, said
        assert "hush" not in said[1] + said[2]
        assert read(server, f"SELECT count(*) FROM {name}")[0][0] > 0
        assert run(command, "--model", model_folder, "--format", "postgres")[0] == 2


def test_columns_have_the_right_types(server: str) -> None:
    to_postgres(samples.edges(), server, name="typed")
    query = "SELECT data_type FROM information_schema.columns WHERE table_name = 'typed' ORDER BY ordinal_position"
    assert [kind for (kind,) in read(server, query)] == [
        "text", "text", "double precision", "boolean", "bigint", "text",
    ]  # fmt: skip


def test_a_schema_and_an_odd_name(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute("CREATE SCHEMA social")
    to_postgres(samples.edges(), server, name='social.my "ties"; DROP TABLE edges')
    assert read(server, 'SELECT * FROM social."my ""ties""; DROP TABLE edges"') == samples.rows(samples.edges())


def test_an_open_connection_is_used_and_stays_open(server: str) -> None:
    with psycopg.connect(server, client_encoding="LATIN1") as connection:
        to_postgres(samples.ring(samples.ODD_IDS), connection, name="mine")
        assert connection.execute("SELECT count(*) FROM mine").fetchone() == (len(samples.ODD_IDS),)
    assert [row[0] for row in read(server, "SELECT src FROM mine")] == samples.ODD_IDS


def test_a_failed_write_leaves_the_old_table(server: str) -> None:
    to_postgres(samples.edges(), server, name="old")
    with psycopg.connect(server) as connection:
        connection.execute("CREATE VIEW looks_on AS SELECT * FROM old")
    with pytest.raises(AdapterError, match=r"PostgreSQL: cannot drop table old because other objects depend on it"):
        to_postgres(samples.integer_edges(), server, name="old")
    assert read(server, "SELECT * FROM old") == samples.rows(samples.edges())
    assert read(server, "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'recdiff%'") == [(0,)]


def test_readers_see_the_old_table_until_the_new_one_is_complete(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    to_postgres(samples.edges(), server, name="watched")
    seen = []

    def blocks(table: Any) -> Iterator[bytes]:
        seen.append(read(server, "SELECT * FROM watched"))
        yield b"7,8,0.5,true\n"

    monkeypatch.setattr("recdiff_adapters.postgres.csv_blocks", blocks)
    to_postgres(samples.integer_edges(), server, name="watched")
    assert seen == [samples.rows(samples.edges())]
    assert read(server, "SELECT * FROM watched") == [(7, 8, 0.5, True)]


def test_a_server_that_is_not_there_is_named_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"^PostgreSQL: .*connection") as caught:
        to_postgres(samples.edges(), f"postgresql://me:s3cret@/db?host={tmp_path}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("target", ["me:s3cret@host/db", "postgresql://me:s3cret@host/db?nonsense=1"])
def test_a_connection_string_that_cannot_be_read_is_not_shown(target: str) -> None:
    with pytest.raises(AdapterError, match=r"cannot be read; expected postgresql://user@host:port/database") as caught:
        to_postgres(samples.edges(), target)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_nul_is_refused_by_row(server: str) -> None:
    with pytest.raises(AdapterError, match=r"column src, row 2: 'a\\x00': PostgreSQL's text cannot hold a NUL"):
        to_postgres(samples.ring(["b", "a\0"]), server, name="nul")


@samples.few
@given(samples.id_lists)
def test_any_id_comes_back_or_is_refused(server: str, ids: list[str]) -> None:
    if "\0" in "".join(ids):
        with pytest.raises(AdapterError):
            to_postgres(samples.ring(ids), server, name="any")
    else:
        to_postgres(samples.ring(ids), server, name="any")
        assert read(server, 'SELECT * FROM "any"') == samples.rows(samples.ring(ids))

"""A real PostgreSQL server, started for the tests on a socket of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def server_program(name: str) -> str:
    """Return the path of a program of the server, or skip."""
    places = [shutil.which(name), *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)]
    found = next((str(place) for place in places if place), None)
    if found is None:
        pytest.skip(f"{name} is not installed: PostgreSQL's server is needed")
    return found


def server_user() -> dict[str, Any]:
    """Return who runs the server, as arguments of subprocess: it refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    pwd = pytest.importorskip("pwd")
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in ("postgres", "nobody") if name in known), None)
    if user is None:
        pytest.skip("PostgreSQL cannot be run by root, and there is no user postgres or nobody")
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Start a server and yield its connection string."""
    pytest.importorskip("psycopg")
    initdb, postgres = server_program("initdb"), server_program("postgres")
    user = server_user()
    folder = Path(tempfile.mkdtemp(prefix="recdiff-pg-"))  # short: a socket's path has at most 107 characters
    if user:
        shutil.chown(folder, user["user"])
    data = folder / "data"
    setup = [initdb, "-D", str(data), "-U", "recdiff", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    subprocess.run(setup, check=True, capture_output=True, cwd=folder, **user)
    arguments = [postgres, "-D", str(data), "-k", str(folder), "-c", "listen_addresses=", "-F"]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(arguments, stdout=log, stderr=log, cwd=folder, **user)
    target = f"postgresql://recdiff@/postgres?host={folder}"
    try:
        wait_until_open(target, running, folder / "log")
        yield target
    finally:
        running.terminate()
        running.wait(30)
        shutil.rmtree(folder)


def wait_until_open(target: str, running: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers; fail with its log when it ends or never does."""
    psycopg = pytest.importorskip("psycopg")
    for _ in range(200):
        try:
            psycopg.connect(target).close()
        except psycopg.OperationalError:
            assert running.poll() is None, log.read_text()
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())

"""Real servers to ask: one in a thread of this process, one in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recdiff_export import OnnxScorer
from recdiff_export.serve.listening import bound
from recdiff_export.serve.options import ServeOptions
from recdiff_export.serve.server import Server

COMMAND = [sys.executable, "-c", "from recdiff_cli.main import main; main()"]


@contextmanager
def running(scorer: OnnxScorer, options: ServeOptions | None = None) -> Iterator[str]:
    """Serve ``scorer`` from a thread and yield host and port."""
    heard: list[str] = []
    begun = threading.Event()

    def listening(address: str) -> None:
        heard.append(address.removeprefix("http://"))
        begun.set()

    server = Server(scorer, options or ServeOptions(), listening)
    sockets = bound("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=(sockets,))
    thread.start()
    assert begun.wait(20)
    try:
        yield heard[0]
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def command(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``recdiff-sdk serve`` on ``folder`` and yield the process and the address that it says it listens on."""
    serve = [*COMMAND, "serve", "--model", str(folder), "--device", "cpu", "--port", "0", *words]
    process = subprocess.Popen(serve, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        assert said.startswith("listening on http://"), said + process.stderr.read()
        yield process, said.split()[2]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()

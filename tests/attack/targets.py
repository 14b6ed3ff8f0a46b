"""A server in a process of its own, with short limits, and plain sockets to attack it with."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVE = """
import sys
from recdiff_export import OnnxScorer
from recdiff_export.serve.options import ServeOptions
from recdiff_export.serve.server import serve
options = ServeOptions(read_seconds=2, idle_seconds=2, max_connections=128)
serve(OnnxScorer.open(sys.argv[1], provider="cpu"), port=0, options=options, listening=lambda at: print(at, flush=True))
"""
HEALTH = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True)
class Target:
    """A server: where it listens, and its process."""

    port: int
    process: subprocess.Popen[str]

    def connect(self, seconds: float = 10) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), seconds)

    def ask(self, raw: bytes, seconds: float = 10) -> bytes:
        """Send a whole request and return what comes until the server hangs up, or ``seconds`` pass without more."""
        with self.connect(seconds) as opened:
            return told(opened, raw)

    def score(self) -> list[float]:
        """Return the score of an edge, as anybody would ask for it."""
        answer = self.ask(post("/score", b'{"src":[7],"dst":[10]}'))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), answer[:200]
        found: list[float] = json.loads(body)["fake_score"]
        return found

    def peak(self) -> int:
        """Return the most bytes of memory that the server has held."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def told(opened: socket.socket, raw: bytes) -> bytes:
    found = []
    try:
        opened.sendall(raw)
        while piece := opened.recv(1 << 16):
            found.append(piece)
    except OSError:  # It hung up on us, or has no more to say.
        pass
    return b"".join(found)


def post(path: str, body: bytes, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: x", "connection: close", f"content-length: {len(body)}", *more]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def target(bundle: Path) -> Iterator[Target]:
    """Serve ``bundle`` and yield the server; it must still be there at the end, and have nothing to complain of."""
    log = bundle.with_name("log")
    with log.open("w") as errors:
        command = [sys.executable, "-c", SERVE, str(bundle)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().rpartition(":")[2])
        yield Target(port, process)
        assert process.poll() is None, f"the server is gone: {log.read_text()[-2000:]}"
        assert "Traceback" not in log.read_text(), log.read_text()[-2000:]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def healthy(server: Target, seconds: float = 15) -> None:
    """Wait until the server answers; it may first have to get rid of those who hold its connections."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if server.ask(HEALTH, 2).startswith(b"HTTP/1.1 200"):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server answers nobody")

"""Follows a page from an empty folder, as somebody does who has nothing but the page: a server is started and asked."""

from __future__ import annotations

import contextlib
import io
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

from tests.pages.blocks import Block, blocks
from tests.pages.player import SERVING, Page, followed

HERE = "tests/journeys"
"""In the reason of a block that pages do not run and a journey does."""
PORT = "8000"
COMMAND = [sys.executable, "-c", "from recdiff_cli.main import main; main()"]
PATIENCE = 60.0


class Journey(Page):
    """A page followed from its first line to its last; what it calls port 8000 is a free one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = str(free_port())
        self.server: subprocess.Popen[bytes] | None = None

    def plays(self, block: Block) -> bool:
        """Return whether ``block`` is one to run: also what serves until it is stopped."""
        return block.reason is None or HERE in block.reason

    def play(self, block: Block) -> str:
        """Run ``block`` in the folder and return what it printed, as ``Page.play`` does."""
        return super().play(replace(block, text=block.text.replace(PORT, self.port))).replace(self.port, PORT)

    def _command(self, line: str, block: Block, said: io.StringIO) -> None:
        _, *arguments = shlex.split(line, comments=True)
        if arguments[0] in SERVING:
            self.server = subprocess.Popen([*COMMAND, *arguments], cwd=self.folder)
        else:
            super()._command(line, block, said)

    def answered(self, url: str, body: Any, method: str | None = None) -> tuple[int, str]:
        """Return status and body of what the server answers that was started; it is given time to start."""
        address = f"http://{url.removeprefix('http://')}"
        data = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(address, data, {"content-type": "application/json"}, method=method)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with _OPENER.open(request, timeout=PATIENCE) as answer:
                    return answer.status, answer.read().decode()
            except HTTPError as error:
                return error.code, error.read().decode()
            except URLError:
                assert self.server is not None, f"{url}: no server was started"
                assert self.server.poll() is None, f"{url}: the server ended with {self.server.returncode}"
                assert time.monotonic() < end, f"{url}: no answer"
                time.sleep(0.1)


# Its own way out: pages put themselves in the place of urlopen.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextlib.contextmanager
def walked(page: Path, folder: Path) -> Iterator[tuple[Journey, list[tuple[Block, str]]]]:
    """Follow ``page`` in the new folder ``folder``; yield where that led, and what was said where an output is shown.

    What was started is stopped afterwards, and what was imported from the folder is forgotten.
    """
    folder.mkdir()
    journey, path, known = Journey(folder), list(sys.path), set(sys.modules)
    try:
        yield journey, followed(journey, blocks(page))
    finally:
        if journey.server is not None:
            journey.server.terminate()
            journey.server.wait()
        sys.path[:] = path
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])

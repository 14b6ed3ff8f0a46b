"""Plays a page: runs its blocks one after the other in a folder, as somebody does who follows it.

Commands run in this process. A fit runs with few steps, and one of the same settings and data only once: what is shown
on a page must not depend on what a fit learned.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import shlex
import shutil
import signal
import sys
import urllib.request
from collections.abc import Iterator
from email.message import Message
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from starlette.testclient import TestClient

import recdiff.estimator
import recdiff.fit
from recdiff.fit import fingerprint, fit_all
from recdiff.model.fitted import Fitted
from recdiff.parameters import Parameters
from recdiff.scorer.fit import Scorer, fit_scorer
from recdiff.settings import configured
from recdiff_cli.main import main
from recdiff_export.runtime.scorer import OnnxScorer
from recdiff_export.serve.app import create_app
from tests.pages.blocks import OUTPUT, Block

COMMANDS, PYTHON = ("sh", "console"), "python"
QUICK: dict[str, Any] = {
    "recommender__steps": 3,
    "recommender__evaluate_every": 1,
    "recommender__search": False,
    "scorer__folds": 2,
    "scorer__divisions": 1,
    "scorer__rounds": 1,
    "scorer__least_pairs": 1_000,
    "scorer__most_pairs": 2_000,
    "scorer__evidence__epochs": 1,
    "scorer__evidence__least_steps": 5,
    "scorer__classifier__epochs": 1,
    "scorer__classifier__least_steps": 20,
    "scorer__mixture__draws": 100,
    "scorer__mixture__moves": 2,
}
OWN_FILES = """
import pandas as pd
truth = pd.read_parquet("data/truth.parquet")
truth[["src", "dst"]].head(500).to_parquet("ties.parquet")
truth[["src", "dst"]].head(500).to_parquet("big.parquet")
known = pd.concat([truth[truth.is_fake].head(40), truth[~truth.is_fake].head(40)])
known["label"] = known.is_fake.map({True: "fake", False: "real"})
known[["src", "dst", "label"]].to_csv("known.csv", index=False)
met = pd.DataFrame({"src": truth.src[:40].to_list(), "dst": truth.dst[1000:1040].to_list()})
came = pd.DataFrame({"src": ["zoe-3000", "zoe-3000", "yann-3001"], "dst": [*truth.src.unique()[:2], "zoe-3000"]})
pd.concat([met, came]).to_parquet("new.parquet", index=False)
used = pd.read_csv("data/interactions.csv").item_id.unique()[:3]
pd.DataFrame({"user_id": "zoe-3000", "item_id": used}).to_csv("new_items.csv", index=False)
fakes = truth[truth.kind == "farm"].src.unique()[:10]
pd.DataFrame({"user_id": fakes, "label": "fake"}).to_csv("bad_accounts.csv", index=False)
"""
"""What pages speak of as the reader's own files: ties to score, known edges and known accounts."""


SERVING = ("review", "serve")


class Page:
    """What a page has done so far: a folder, and the names of its Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "page"}

    def plays(self, block: Block) -> bool:
        """Return whether ``block`` is one to run."""
        return block.reason is None

    def play(self, block: Block) -> str:
        """Run ``block`` in the folder and return what it printed, and in Python what its last line is worth.

        A block that is a file of the reader's is written.

        Raises:
            AssertionError: a command failed, or is one that a page cannot run.
        """
        said = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            if block.file is not None:
                (self.folder / block.file).write_text(block.text, encoding="utf-8")
            elif block.language == PYTHON:
                self._python(block)
            else:
                for line in commands(block.text):
                    self._command(line, block, said)
        return as_shown(said.getvalue())

    def _python(self, block: Block) -> None:
        tree = ast.parse(block.text)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(urllib.request, "urlopen", self._opened)
            exec(compile(tree, block.name, "exec"), self.names)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), block.name, "eval"), self.names)
                if value is not None:
                    print(repr(value))

    def _command(self, line: str, block: Block, said: io.StringIO) -> None:
        program, *arguments = shlex.split(line, comments=True)
        if program == "curl":
            print(self._fetched(arguments), end="")
            return
        assert program == "recdiff-sdk", f"{block.name}: {program} is not run on pages; mark the block with a reason"
        code = called(arguments)
        assert code == 0, f"{block.name}: {line}: exit code {code}\n{said.getvalue()}"

    def _fetched(self, arguments: list[str]) -> str:
        """Return what ``curl localhost:8000/PATH -d BODY -X METHOD`` prints; other options do not count."""
        url, *options = arguments
        given = {name: value for name, value in pairwise(options) if name in ("-d", "-X")}
        status, text = self.answered(url, given.get("-d"), given.get("-X"))
        assert status == 200, f"{url}: {text}"
        return f"{text}\n"

    def answered(self, url: str, body: Any, method: str | None = None) -> tuple[int, str]:
        """Return status and body of what the server answers that serves the folder's bundle on port 8000."""
        with TestClient(create_app(OnnxScorer.open("recdiff-model/onnx"))) as client:
            path = url.removeprefix("http://").removeprefix("localhost:8000")
            answer = client.request(method or ("GET" if body is None else "POST"), path, content=body)
        return answer.status_code, answer.text

    def _opened(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        """Take the place of urlopen: the same server's answer, or an HTTPError with it."""
        assert timeout > 0
        status, text = self.answered(request.full_url, request.data)
        said = io.BytesIO(text.encode())
        if status != 200:
            raise HTTPError(request.full_url, status, "refused", Message(), said)
        return said


def as_shown(said: str) -> str:
    """Return what was printed without spaces at the end of lines and without blank lines around it."""
    return "\n".join(line.rstrip() for line in said.splitlines()).strip("\n")


def commands(text: str) -> list[str]:
    """Return the command lines of a block, without prompts, comments and blank lines."""
    lines = (line.removeprefix("$ ").strip() for line in text.splitlines())
    return [line for line in lines if shlex.split(line, comments=True)]


def called(arguments: list[str]) -> int:
    """Run a command line in this process and return its exit code.

    Raises:
        AssertionError: it is one that serves until it is stopped.
    """
    assert arguments[0] not in SERVING, f"{arguments[0]} serves until it is stopped; mark the block with a reason"
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["recdiff-sdk", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return int(ended.value.code or 0)


@contextlib.contextmanager
def fits_once() -> Iterator[None]:
    """Compute each fit once, and each scorer once: grids and a known share change what comes after it."""
    done: dict[str, Fitted] = {}
    scorers: dict[Any, Scorer] = {}

    def once(config: Any, dataset: Any, labels: Any = None, decisions: Any = (), **more: Any) -> Fitted:
        if labels is not None or decisions or more.get("known_accounts") is not None:
            return fit_all(config, dataset, labels, decisions, **more)
        key = fingerprint(config, dataset)
        if key not in done:
            done[key] = fit_all(config, dataset, labels, decisions, **more)
        return done[key]

    def scored(graph: Any, train: Any, settings: Any, **more: Any) -> Scorer:
        if more["known"] is not None:
            return fit_scorer(graph, train, settings, **more)
        key = settings, more["seed"], graph.edges.tobytes()
        if key not in scorers:
            scorers[key] = fit_scorer(graph, train, settings, **more)
        return scorers[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recdiff.estimator, "fit_all", once)
        patch.setattr(recdiff.fit, "fit_scorer", scored)
        patch.delenv("RECDIFF_DATA", raising=False)
        yield


@contextlib.contextmanager
def quick_fits() -> Iterator[None]:
    """Fit with few steps, and each fit once."""
    plain = Parameters._config

    def quick(self: Parameters) -> Any:
        config = plain(self)
        return configured(config, {**QUICK, **self.settings}) if self.config is None else config

    with fits_once(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parameters, "_config", quick)
        for name, value in quick_environment().items():
            patch.setenv(name, value)
        yield


def quick_environment() -> dict[str, str]:
    """Return the variables that make a command fit with few steps."""
    return {f"RECDIFF_{name.upper()}": json.dumps(value) for name, value in QUICK.items()}


def prepared(folder: Path) -> Path:
    """Make the folder that every page starts with: sample, model, bundle and cleaned edges."""
    folder.mkdir()
    page = Page(folder)
    lines = ("sample data/", "fit data/", "export --onnx", "clean-edges --threshold 0.3")
    page.play(Block(Path(__file__), 1, "sh", "".join(f"recdiff-sdk {line}\n" for line in lines), None))
    page.play(Block(Path(__file__), 1, PYTHON, OWN_FILES, None))
    return folder


def played(blocks: list[Block], start: Path, folder: Path) -> list[tuple[Block, str]]:
    """Run the blocks of a page in a copy of ``start``; return those whose output is shown with what it really is."""
    shutil.copytree(start, folder)
    return followed(Page(folder), blocks)


def followed(page: Page, blocks: list[Block]) -> list[tuple[Block, str]]:
    """Run the blocks on ``page``; return those whose output is shown with what it really is."""
    said, shown = "", []
    for block in blocks:
        if block.language == OUTPUT:
            shown.append((block, said))
        elif page.plays(block):
            said = page.play(block)
    return shown

"""`recdiff-runtime`: serve a bundle, or score a file with it, where the rest of the SDK is not installed.

Exit codes: 0 done, 1 the system failed, 2 usage, 3 bad data, 4 a damaged bundle, 5 device absent, 130 and 143 ended.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from recdiff.errors import RecDiffError
from recdiff.version import VERSION
from recdiff_export.runtime.scorer import OnnxScorer

_FAILED = 1
_DEVICES = ("auto", "cpu", "cuda")
_TOKEN = "RECDIFF_TOKEN"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake ends in a message and an exit code, never in a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ended)
    asked = _parser().parse_args(arguments)
    try:
        asked.run(asked)
    except RecDiffError as error:
        _fail(str(error), error.exit_code)
    except OSError as error:
        _fail(str(error) if error.errno is None else f"{error.filename or 'output'}: {error.strerror}", _FAILED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("recdiff-runtime", description="Serve and score from an exported bundle.")
    parser.add_argument("--version", action="version", version=f"recdiff-runtime {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    bundle = argparse.ArgumentParser(add_help=False)
    bundle.add_argument("bundle", type=Path, metavar="BUNDLE", help="the folder that `recdiff-sdk export` wrote")
    bundle.add_argument("--device", choices=_DEVICES, default="auto", help="where to compute")
    serving = commands.add_parser("serve", parents=[bundle], help="serve scores and recommendations over HTTP")
    serving.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    serving.add_argument("--port", type=_port, default=8000, help="port to listen on; 0: any that is free")
    serving.add_argument("--token", default=os.environ.get(_TOKEN), help=f"bearer token; by default {_TOKEN}")
    serving.set_defaults(run=_serve)
    scoring = commands.add_parser("score", parents=[bundle], help="score the edges of a file or folder, in order")
    scoring.add_argument("edges", type=Path, metavar="EDGES", help="Parquet, csv or tsv, with columns src and dst")
    scoring.add_argument("--out", type=Path, required=True, metavar="FILE", help="the Parquet file to write")
    scoring.add_argument("--unknown", choices=("keep", "drop", "error"), default="keep", help="edges of unknown users")
    scoring.set_defaults(run=_score)
    return parser


def _serve(asked: argparse.Namespace) -> None:
    from recdiff_export.serve.options import ServeOptions
    from recdiff_export.serve.server import serve, wait_with_reloads

    options = ServeOptions(token=asked.token)
    wait_with_reloads()
    scorer = OnnxScorer.open(asked.bundle, provider=asked.device, verify=True)
    serve(scorer, host=asked.host, port=asked.port, options=options, listening=_said)


def _score(asked: argparse.Namespace) -> None:
    with OnnxScorer.open(asked.bundle, provider=asked.device) as scorer:
        rows = scorer.score_file(asked.edges, asked.out, unknown=asked.unknown)
    print(f"{rows} edges: {asked.out}", file=sys.stderr)


def _said(address: str) -> None:
    print(f"listening on {address} (stop with Ctrl-C)", file=sys.stderr, flush=True)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; accepted: 0 to 65535")
    return int(text)


def _ended(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _fail(message: str, code: int) -> NoReturn:
    for line in message.splitlines():
        print(f"error: {line}", file=sys.stderr)
    raise SystemExit(code)

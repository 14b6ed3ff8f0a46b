"""Requests that nobody means well by: drawn from a seed, each a method, a path, headers and a body."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PATHS = (
    "/score", "/recommend", "/v2/models/scorer/infer", "/v2/models/denoiser/infer",
    "/v2/models/scorer/versions/1/infer",
    "/v2", "/v2/models/scorer", "/v2/models/recommender", "/v2/models/%00/ready", "/metrics", "/v2/health/ready", "/",
    "/score?src=1", "//score", "/score/", "/v2/models/..%2f..%2fetc/infer", "/v2/models/\u00e9/ready",
)  # fmt: skip
METHODS = ("POST", "POST", "POST", "POST", "GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH")
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1e300, -1e300, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 0.5, "", " ", "7", "007",
    "\ud83d",
    "\udc80", "\x00", "\u202e", "a" * 5000, [], {}, [[]], {"a": []}, float("nan"), float("inf"), "NaN", 7, 10, 13,
)  # fmt: skip
TYPES = ("INT64", "BYTES", "FP32", "FP64", "BOOL", "INT8", "UINT64", "FP16", "", "int64", "NOPE")
HEADERS = (
    ("content-type", "application/json"), ("content-type", "text/plain"), ("content-encoding", "gzip"),
    ("expect", "100-continue"), ("transfer-encoding", "identity"), ("accept", "*/*"), ("authorization", "Bearer x"),
    ("inference-header-content-length", "10"), ("inference-header-content-length", "-1"),
    ("inference-header-content-length", "99999999999999999999"), ("inference-header-content-length", "x"),
    ("x" * 200, "y" * 2000), ("cookie", "\u00ff" * 100), ("host", ""), ("connection", "close"),
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def drawn(seed: int) -> Asked:
    """Return the request of ``seed``."""
    rng = random.Random(seed)
    shape, fitting = rng.choices(((score, 0), (infer, 2), (recommend, 1), (mangled, 0), (binary, 2)), (4, 4, 2, 3, 2))[
        0
    ]
    path = PATHS[fitting] if rng.random() < 0.8 else rng.choice(PATHS)
    body, more = shape(rng)
    headers = tuple(rng.choice(HEADERS) for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 2))))
    method = "POST" if rng.random() < 0.9 else rng.choice(METHODS)
    return Asked(method, path, (*headers, *more), body)


Body = tuple[bytes, tuple[tuple[str, str], ...]]


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def value(rng: random.Random, depth: int = 0) -> Any:
    if depth < 3 and rng.random() < 0.2:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return rng.choice(ODD)


def column(rng: random.Random) -> Any:
    if rng.random() < 0.2:
        return value(rng)
    of: Callable[[], Any] = (lambda: rng.choice((7, 10, 13))) if rng.random() < 0.8 else (lambda: value(rng))
    return [of() for _ in range(rng.choice((0, 1, 1, 1, 1, 1, 2, 300)))]


def score(rng: random.Random) -> Body:
    said = {name: column(rng) for name in ("src", "dst") if rng.random() < 0.95}
    if rng.random() < 0.3:
        said["unknown"] = rng.choice(("null", "error", *ODD[:8]))
    if rng.random() < 0.05:
        said["more"] = value(rng)
    return dumped(said), ()


def recommend(rng: random.Random) -> Body:
    said = {"users": column(rng)}
    if rng.random() < 0.7:
        said["k"] = rng.choice((1, 5, 1000, 1001, *ODD))
    return dumped(said), ()


def tensor(rng: random.Random, name: str) -> Any:
    data = column(rng)
    shape: Any = [len(data) if isinstance(data, list) else 1]
    if rng.random() < 0.3:
        shape = rng.choice(([], [-1], [2**62, 4], [0], [1, 1], "1", None, [1.5], [True], [2**63], [10**30]))
    said = {"name": name, "shape": shape, "datatype": rng.choice(TYPES[:4] if rng.random() < 0.8 else TYPES)}
    if rng.random() < 0.9:
        said["data"] = data
    if rng.random() < 0.2:
        said["parameters"] = rng.choice(({"binary_data_size": 8}, {"binary_data_size": -8}, {}, [], None, 7))
    return said


def infer(rng: random.Random) -> Body:
    names = rng.choice((*((("src", "dst"),) * 6), ("src", "src"), ("embedding",), ("src",), (), ("dst", "src", "x")))
    said: dict[str, Any] = {"inputs": [tensor(rng, name) for name in names]}
    if rng.random() < 0.3:
        said["outputs"] = rng.choice(([{"name": "fake_score"}], [{"name": "x"}], [], {}, None, [7], [{"name": None}]))
    if rng.random() < 0.2:
        said["id"] = rng.choice(ODD)
    if rng.random() < 0.1:
        said = {"inputs": rng.choice(ODD)}
    return dumped(said), ()


def binary(rng: random.Random) -> Body:
    """Return an infer request whose values follow the JSON as bytes, more or fewer than it says."""
    rows, lie = rng.randrange(4), rng.choice((0, 0, 1, -1, 10**9, -(10**9)))
    kind = rng.choice(("INT64", "BYTES", "FP32"))
    values = b"".join(
        struct.pack("<I", rng.choice((1, 1, 2**32 - 1, 0))) + b"7" if kind == "BYTES" else struct.pack("<q", 7)
        for _ in range(rows)
    )
    inputs = [
        {"name": name, "shape": [rows], "datatype": kind, "parameters": {"binary_data_size": len(values) + lie}}
        for name in ("src", "dst")
    ]
    head = dumped({"inputs": inputs})
    length = len(head) + rng.choice((0, 0, 0, 1, -1, 10**6))
    return head + values * 2, (("inference-header-content-length", str(length)),)


def mangled(rng: random.Random) -> Body:
    """Return JSON with bytes changed, cut off, or of another kind altogether."""
    body = bytearray(rng.choice((score, infer, recommend))(rng)[0])
    for _ in range(rng.randrange(4)):
        if body:
            body[rng.randrange(len(body))] = rng.randrange(256)
    cut = body[: rng.randrange(len(body) + 1)] if rng.random() < 0.3 else body
    rare = (b"", b"null", b"[" * 500 + b"]" * 500, b"\xff\xfe{}", b'{"a":' * 2000, b"1" * 5000, b"\x00" * 100, b"-")
    return (rng.choice(rare) if rng.random() < 0.2 else bytes(cut)), ()

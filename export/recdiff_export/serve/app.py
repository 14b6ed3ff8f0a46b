"""Serve a bundle over HTTP: the Open Inference Protocol, /score and /recommend with raw ids, /metrics."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from recdiff.arrays import Float32
from recdiff.errors import DataError, RecDiffError, UsageError
from recdiff.version import VERSION
from recdiff_export.runtime.scorer import OnnxScorer
from recdiff_export.serve.batcher import MicroBatcher, OverloadError
from recdiff_export.serve.protocol import (
    HEADER_LENGTH,
    InferRequest,
    RequestError,
    TensorSpec,
    decode_infer,
    encode_infer,
    parse_json,
)

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import Response
    from starlette.routing import Route

    from recdiff_export.serve.metrics import Metrics
except ImportError as error:
    raise UsageError(f"serving needs {error.name}: pip install 'recdiff-sdk[serve]'") from None

if TYPE_CHECKING:
    Handler = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger(__name__)
_OPEN = ("/v2/health/live", "/v2/health/ready")


@dataclass(frozen=True)
class ServeOptions:
    """Limits and access of a server.

    Attributes:
        token: where given, every path but health wants ``Authorization: Bearer TOKEN``.
        max_body: bytes of one request. max_rows: ties, users or embeddings of one request.
        queue_rows: ties that may wait; beyond, the answer is 503. max_k: items of one recommendation.
        stop_seconds: how long requests under way may take once the server was told to stop.
    """

    token: str | None = None
    max_body: int = 16 << 20
    max_rows: int = 100_000
    queue_rows: int = 1_000_000
    max_k: int = 1000
    stop_seconds: int = 30


def serve(
    scorer: OnnxScorer, *, host: str = "127.0.0.1", port: int = 8000, options: ServeOptions | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are then answered first."""
    chosen = options or ServeOptions()
    uvicorn.run(
        create_app(scorer, chosen),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=chosen.stop_seconds,
    )


def create_app(scorer: OnnxScorer, options: ServeOptions | None = None) -> Starlette:
    """Return the ASGI application that serves ``scorer``."""
    service = _Service(scorer, options or ServeOptions(), Metrics())
    return Starlette(routes=service.routes(), lifespan=service.lifespan)


class _Service:
    def __init__(self, scorer: OnnxScorer, options: ServeOptions, metrics: Metrics) -> None:
        self._scorer = scorer
        self._options = options
        self._metrics = metrics
        self._batcher = MicroBatcher(
            scorer.score_positions,
            batch_rows=options.max_rows,
            queue_rows=options.queue_rows,
            observe=metrics.batch_rows.observe,
        )
        self._models = _models(scorer)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self._batcher.close()
        self._scorer.close()

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/v2", self.server),
            ("GET", "/v2/health/live", self.alive),
            ("GET", "/v2/health/ready", self.alive),
            ("GET", "/metrics", self.metrics),
            ("POST", "/score", self.score),
            ("POST", "/recommend", self.recommend),
        ]
        for prefix in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            table += [
                ("GET", prefix, self.model),
                ("GET", f"{prefix}/ready", self.model_ready),
                ("POST", f"{prefix}/infer", self.infer),
            ]
        return [Route(path, self._guarded(path, handler), methods=[method]) for method, path, handler in table]

    def _guarded(self, path: str, handler: Handler) -> Handler:
        """Wrap a handler: token, timing, and every failure as an answer with a message."""

        async def guarded(request: Request) -> Response:
            with self._metrics.timed(path) as seen:
                seen.response = await self._answer(path, handler, request)
                return seen.response

        return guarded

    async def _answer(self, path: str, handler: Handler, request: Request) -> Response:
        try:
            if path not in _OPEN:
                self._authorise(request)
            return await handler(request)
        except RequestError as error:
            return _failure(error.status, str(error))
        except DataError as error:
            return _failure(422, str(error))
        except OverloadError:
            return _failure(503, "too many ties are waiting; try again", {"retry-after": "1"})
        except ClientDisconnect:
            return _failure(400, "the client went away")
        except RecDiffError as error:
            return _failure(400, str(error))
        except Exception:
            _log.exception("%s failed", path)
            return _failure(500, "internal error; the server's log says more")

    def _authorise(self, request: Request) -> None:
        if self._options.token is None:
            return
        given = request.headers.get("authorization", "")
        # Compared whole and in constant time: how much of a guess was right must not show.
        if not hmac.compare_digest(given.encode(), f"Bearer {self._options.token}".encode()):
            raise RequestError("a bearer token is needed: Authorization: Bearer TOKEN", 401)

    async def alive(self, _: Request) -> Response:
        return Response(status_code=200)

    async def server(self, _: Request) -> Response:
        return _json({"name": "recdiff-sdk", "version": VERSION, "extensions": ["binary_tensor_data"]})

    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type=self._metrics.content_type)

    async def model(self, request: Request) -> Response:
        name = self._known(request)
        inputs, outputs = self._models[name]
        held = self._scorer.manifest
        said: dict[str, Any] = {"name": name, "versions": ["1"], "platform": "onnxruntime_onnx"}
        said["inputs"] = [_described(spec) for spec in inputs]
        said["outputs"] = [_described(spec) for spec in outputs]
        said["properties"] = {**held.metadata, "users": str(held.users), "items": str(held.items)}
        return _json(said)

    async def model_ready(self, request: Request) -> Response:
        self._known(request)
        return Response(status_code=200)

    async def infer(self, request: Request) -> Response:
        name = self._known(request)
        body = await self._body(request)
        decoded = decode_infer(body, request.headers.get(HEADER_LENGTH), self._models[name][0], self._options.max_rows)
        unknown = set(decoded.outputs or ()) - {spec.name for spec in self._models[name][1]}
        if unknown:
            raise RequestError(f"model {name} has no output {', '.join(sorted(unknown))}")
        results = await (self._infer_scores(decoded) if name == "scorer" else self._infer_denoised(decoded))
        encoded, headers = encode_infer(name, decoded, results)
        return Response(encoded, headers=headers)

    async def _infer_scores(self, request: InferRequest) -> dict[str, Float32]:
        src, dst = (request.tensors[side].tolist() for side in ("src", "dst"))
        return {"fake_score": await self._scores(src, dst, "error")}

    async def _infer_denoised(self, request: InferRequest) -> dict[str, Float32]:
        from starlette.concurrency import run_in_threadpool

        rows = request.tensors["embedding"]
        if not np.isfinite(rows).all():
            raise RequestError("input embedding: values must be finite")
        return {"denoised": await run_in_threadpool(self._scorer.denoise, rows)}

    async def score(self, request: Request) -> Response:
        said = _fields(parse_json(await self._body(request)), {"src", "dst", "unknown"})
        unknown = said.get("unknown", "error")
        if unknown not in ("error", "null"):
            raise RequestError('unknown must be "error" or "null"')
        scores = await self._scores(self._list(said, "src"), self._list(said, "dst"), unknown)
        return _json({"fake_score": [None if value != value else value for value in scores.tolist()]})

    async def recommend(self, request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        said = _fields(parse_json(await self._body(request)), {"users", "k"})
        k = said.get("k", 10)
        if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= self._options.max_k:
            raise RequestError(f"k must be a whole number from 1 to {self._options.max_k}")
        users = self._list(said, "users")
        if len(users) * k > self._options.max_rows:
            raise RequestError(
                f"{len(users)} users times k = {k}; at most {self._options.max_rows} items a request", 413
            )
        return _json({"recommendations": await run_in_threadpool(self._recommended, users, k)})

    def _recommended(self, users: list[Any], k: int) -> list[dict[str, Any]]:
        # "7" and 7 name the same user, so answers are found again by their text.
        distinct = list(dict.fromkeys(map(str, users)))
        table = self._scorer.recommend(distinct, k)
        found: dict[str, dict[str, list[Any]]] = {user: {"items": [], "scores": []} for user in distinct}
        columns = (table[name].to_pylist() for name in ("user_id", "item_id", "score"))
        for user, item, score in zip(*columns, strict=True):
            found[str(user)]["items"].append(item)
            found[str(user)]["scores"].append(score)
        return [{"user": user, **found[str(user)]} for user in users]

    async def _scores(self, src: list[Any], dst: list[Any], unknown: str) -> Float32:
        columns = [_ids(values, name) for values, name in ((src, "src"), (dst, "dst"))]
        left, right = self._scorer.positions(columns[0], columns[1], unknown="error" if unknown == "error" else "null")
        self._metrics.rows.inc(len(left))
        return await self._batcher.score(left, right)

    def _known(self, request: Request) -> str:
        name, version = request.path_params["model"], request.path_params.get("version", "1")
        if name not in self._models or version != "1":
            raise RequestError(
                f"no model {name!r} version {version!r}; here are {', '.join(self._models)}, version 1", 404
            )
        return str(name)

    def _list(self, said: dict[str, Any], name: str) -> list[Any]:
        values = said.get(name)
        if not isinstance(values, list):
            raise RequestError(f"{name} must be a list of ids")
        if len(values) > self._options.max_rows:
            raise RequestError(f"{name}: {len(values)} rows; at most {self._options.max_rows} a request", 413)
        if not all(
            isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)) for value in values
        ):
            raise RequestError(f"{name} must hold whole numbers or text")
        return values

    async def _body(self, request: Request) -> bytes:
        """Return the body, refused as soon as it is known to be too long."""
        limit, parts, size = self._options.max_body, [], 0
        declared = request.headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > limit:
            raise RequestError(f"the body has {declared} bytes; at most {limit}", 413)
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise RequestError(f"the body has more than {limit} bytes", 413)
            parts.append(part)
        return b"".join(parts)


def _models(scorer: OnnxScorer) -> dict[str, tuple[list[TensorSpec], list[TensorSpec]]]:
    """Return the inputs and outputs of each model the protocol shows."""
    # Both are taken, whatever the ids are; the first is what metadata name.
    ids = ("INT64", "BYTES") if scorer.users.integers else ("BYTES", "INT64")
    pair = [TensorSpec(name, ids, (-1,)) for name in ("src", "dst")]
    models = {"scorer": (pair, [TensorSpec("fake_score", ("FP32",), (-1,))])}
    width = scorer.manifest.embedding_width
    if width:
        rows = [TensorSpec("embedding", ("FP32", "FP64"), (-1, width))]
        models["denoiser"] = (rows, [TensorSpec("denoised", ("FP32",), (-1, width))])
    return models


def _described(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.kinds[0], "shape": list(spec.shape)}


def _fields(said: dict[str, Any], accepted: set[str]) -> dict[str, Any]:
    extra = sorted(said.keys() - accepted)
    if extra:
        raise RequestError(f"unknown field {extra[0][:60]!r}; accepted: {', '.join(sorted(accepted))}")
    return said


def _ids(values: list[Any], name: str) -> pa.Array:
    try:
        return pa.array(values) if values else pa.array([], pa.int64())
    except (pa.ArrowException, OverflowError):
        raise RequestError(f"{name} must hold whole numbers within int64, or text, and not both") from None


def _json(value: Any) -> Response:
    return Response(json.dumps(value, allow_nan=False), media_type="application/json")


def _failure(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps({"error": message}), status, headers, "application/json")

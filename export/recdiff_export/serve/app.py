"""Serve a bundle over HTTP: the Open Inference Protocol, /score and /recommend with raw ids, /metrics."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from recdiff.arrays import Float32, Int64
from recdiff.errors import DataError, RecDiffError, UsageError
from recdiff.version import VERSION
from recdiff_export.runtime.scorer import OnnxScorer
from recdiff_export.serve.answers import (
    ADVICE,
    NEW,
    pair_positions,
    recommended,
    scores_as_json,
    unknown_field,
    wanted,
)
from recdiff_export.serve.batcher import Lane, OverloadError
from recdiff_export.serve.fields import fields, id_list
from recdiff_export.serve.json_body import RequestError, parse_json
from recdiff_export.serve.model import Model, Serving
from recdiff_export.serve.openapi import described
from recdiff_export.serve.options import SERVE_EXTRA, ServeOptions
from recdiff_export.serve.protocol import HEADER_LENGTH, InferRequest, TensorSpec, decode_infer, encode_infer

try:
    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import Response
    from starlette.routing import Route

    from recdiff_export.serve.body import Bodies
    from recdiff_export.serve.metrics import Metrics
except ImportError as error:
    raise UsageError(f"serving needs {error.name}: {SERVE_EXTRA}") from None

if TYPE_CHECKING:
    Handler = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger(__name__)
_OPEN = ("/v2/health/live", "/v2/health/ready")
_Decoded = TypeVar("_Decoded")
# Bytes of a body that is decoded at once, and of an error's message.
_SMALL, _LONGEST = 1 << 16, 2000


def create_app(scorer: OnnxScorer, options: ServeOptions | None = None) -> Starlette:
    """Return the ASGI application that serves ``scorer``.

    What a client may send before its body, and how long it may take, is bounded by `serve` alone: another server that
    runs the application needs limits of its own.
    """
    return Service(scorer, options or ServeOptions()).app


class Service:
    """What the paths do.

    Attributes:
        app: the ASGI application.
    """

    def __init__(self, scorer: OnnxScorer, options: ServeOptions) -> None:
        self._options = options
        self._metrics = Metrics()
        self._serving = Serving(scorer, options, self._metrics)
        self._bodies = Bodies(options.max_body, options.max_bodies)
        self._parsing = Lane("requests", options.max_bodies)
        self.app = Starlette(routes=self._routes(), lifespan=self._lifespan)

    async def reload(self) -> None:
        """Open the bundle anew; where it is damaged say so in the log, and serve on."""
        with suppress(RecDiffError, OSError):
            await self._serving.reload()

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self._serving.close()
        self._parsing.close()

    def _routes(self) -> list[Route]:
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/v2", self.server),
            ("GET", "/v2/health/live", self.alive),
            ("GET", "/v2/health/ready", self.alive),
            ("GET", "/v2/models", self.models),
            ("GET", "/metrics", self.metrics),
            ("GET", "/openapi.json", self.openapi),
            ("POST", "/score", self.score),
            ("POST", "/recommend", self.recommend),
            ("POST", "/v2/repository/models/{model}/load", self.load),
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
        except OverloadError as error:
            return _failure(503, str(error), {"retry-after": "1"})
        except ClientDisconnect:
            return _failure(400, "the client went away")
        except RecDiffError as error:
            return _failure(400, str(error))
        except Exception:
            _log.exception("%s failed", path)
            return _failure(500, "internal error; the server's log says more")

    def _authorise(self, request: Request) -> None:
        if not self._options.admits(request.headers.get("authorization", "").encode("latin-1")):
            raise RequestError("a bearer token is needed: Authorization: Bearer TOKEN", 401)

    async def alive(self, _: Request) -> Response:
        return Response(status_code=200)

    async def server(self, _: Request) -> Response:
        return _json(
            {"name": "recdiff-sdk", "version": VERSION, "extensions": ["binary_tensor_data", "model_repository"]}
        )

    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics.text(), media_type=self._metrics.content_type)

    async def openapi(self, _: Request) -> Response:
        return _json(described(self._options))

    async def models(self, _: Request) -> Response:
        held = self._serving.model
        ready = {"version": "1", "state": "READY", "bundle": held.scorer.digest}
        return _json({"models": [{"name": name, **ready} for name in held.tensors]})

    async def model(self, request: Request) -> Response:
        held = self._serving.model
        name = _known(request, held)
        inputs, outputs = held.tensors[name]
        said: dict[str, Any] = {"name": name, "versions": ["1"], "platform": "onnxruntime_onnx"}
        said["inputs"] = [_described(spec) for spec in inputs]
        said["outputs"] = [_described(spec) for spec in outputs]
        facts = held.scorer.manifest
        counts = {"users": str(facts.users), "items": str(facts.items)}
        said["properties"] = {**facts.metadata, **counts, "bundle": held.scorer.digest}
        return _json(said)

    async def model_ready(self, request: Request) -> Response:
        _known(request, self._serving.model)
        return Response(status_code=200)

    async def load(self, request: Request) -> Response:
        """Reload the bundle whole, whichever of its models is named."""
        _known(request, self._serving.model)
        async with self._bodies.read(request) as body:
            if body.strip() and parse_json(body).get("parameters"):
                raise RequestError("parameters are not taken; the bundle that is served is loaded anew")
        try:
            await self._serving.reload()
        except (RecDiffError, OSError) as error:
            raise RequestError(f"not reloaded, the old model goes on serving: {error}") from None
        return _json({})

    async def infer(self, request: Request) -> Response:
        async with self._serving.lease() as held, self._bodies.read(request) as body:
            name = _known(request, held)
            inputs, outputs = held.tensors[name]
            length, limits = request.headers.get(HEADER_LENGTH), (self._options.max_rows, self._options.max_values)
            decoded = await self._off_loop(body, lambda: decode_infer(body, length, inputs, *limits))
            unknown = set(decoded.outputs or ()) - {spec.name for spec in outputs}
            if unknown:
                raise RequestError(f"model {name} has no output {', '.join(sorted(unknown))}")
            answer = self._infer_scores if name == "scorer" else self._infer_denoised
            encoded, headers = encode_infer(name, decoded, await answer(held, decoded))
            return Response(encoded, headers=headers)

    async def _infer_scores(self, held: Model, request: InferRequest) -> dict[str, Float32]:
        src, dst = (request.tensors[side].tolist() for side in ("src", "dst"))
        left, right, _ = pair_positions(held.scorer, src, dst, "error", ADVICE["/infer"])
        return {"fake_score": await self._scored(held, left, right)}

    async def _infer_denoised(self, held: Model, request: InferRequest) -> dict[str, Float32]:
        with np.errstate(over="ignore"):
            rows = request.tensors["embedding"].astype(np.float32)
        if not np.isfinite(rows).all():
            raise RequestError("input embedding: values must be finite")
        denoised = await held.denoising.run(max(len(rows), 1), lambda: held.scorer.denoise(rows))
        if not np.isfinite(denoised).all():
            raise RequestError("input embedding: values are too large to denoise")
        return {"denoised": denoised}

    async def score(self, request: Request) -> Response:
        async with self._serving.lease() as held, self._bodies.read(request) as body:
            said = fields(await self._parsed(body), {"src", "dst", "unknown"})
            unknown = unknown_field(said)
            src, dst = (id_list(said, name, self._options.max_rows) for name in ("src", "dst"))
            left, right, errors = pair_positions(held.scorer, src, dst, unknown, ADVICE["/score"])
            return _json({"fake_score": scores_as_json(await self._scored(held, left, right)), **errors})

    async def recommend(self, request: Request) -> Response:
        async with self._serving.lease() as held, self._bodies.read(request) as body:
            asked = wanted(fields(await self._parsed(body), {"users", "k", "unknown", *NEW}), self._options)
            return _json(await held.ranking.run(asked.rows, lambda: recommended(held.scorer, asked)))

    async def _scored(self, held: Model, left: Int64, right: Int64) -> Float32:
        self._metrics.rows.inc(len(left))
        return await held.scoring.score(left, right)

    async def _parsed(self, body: bytes) -> dict[str, Any]:
        return await self._off_loop(body, lambda: parse_json(body, self._options.max_values))

    async def _off_loop(self, body: bytes, decode: Callable[[], _Decoded]) -> _Decoded:
        """Decode a large body in a thread, one at a time; a small one costs less than the way there."""
        return decode() if len(body) <= _SMALL else await self._parsing.run(len(body), decode)


def _known(request: Request, held: Model) -> str:
    name, version = request.path_params["model"], request.path_params.get("version", "1")
    if name not in held.tensors or version != "1":
        raise RequestError(
            f"no model {name[:60]!r} version {version[:60]!r}; here are {', '.join(held.tensors)}, version 1", 404
        )
    return str(name)


def _described(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.kinds[0], "shape": list(spec.shape)}


def _json(value: Any) -> Response:
    return Response(json.dumps(value, allow_nan=False), media_type="application/json")


def _failure(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    said = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} ..."
    return Response(json.dumps({"error": said}), status, headers, "application/json")

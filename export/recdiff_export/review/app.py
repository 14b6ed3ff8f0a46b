"""The paths of the review page: its files, and what it asks the desk."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from recdiff.audit.decisions import ConflictError
from recdiff.errors import ArtifactError, DataError, RecDiffError, UsageError
from recdiff.review.desk import Desk
from recdiff.storage.lock import BusyError
from recdiff_export.review.guard import Guard
from recdiff_export.serve.batcher import OverloadError
from recdiff_export.serve.fields import fields
from recdiff_export.serve.json_body import RequestError, parse_json
from recdiff_export.serve.options import SERVE_EXTRA

try:
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import Response
    from starlette.routing import Route

    from recdiff_export.serve.body import Bodies
except ImportError as error:
    raise UsageError(f"review needs {error.name}: {SERVE_EXTRA}") from None

Handler = Callable[[Request], Awaitable[Any]]
PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
MOST_BYTES, MOST_TOGETHER, LONGEST = 64 << 10, 4 << 20, 2000
STATUS = {ConflictError: 409, ArtifactError: 409, BusyError: 503, DataError: 422, UsageError: 400, RecDiffError: 500}
"""What a failure is answered with; the first that fits counts."""
_log = logging.getLogger(__name__)


def create_app(desk: Desk, token: str, hosts: Collection[str]) -> Guard:
    """Return the ASGI application; see ``guard.Guard`` for ``token`` and ``hosts``."""
    return Guard(_Paths(desk).app, token, hosts)


class _Paths:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._bodies = Bodies(MOST_BYTES, MOST_TOGETHER)
        self._files = {file.name: file.read_bytes() for file in PAGE.iterdir() if file.suffix in TYPES}
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/api/state", self.state),
            ("GET", "/api/queue", self.queue),
            ("GET", "/api/item", self.item),
            ("POST", "/api/decide", self.decide),
            ("POST", "/api/undo", self.undo),
            ("POST", "/api/reload", self.reload),
        ]
        asked = [Route(path, _answered(handler), methods=[method]) for method, path, handler in table]
        self.app = Starlette(routes=[*asked, Route("/", self.file), Route("/{name}", self.file)])

    async def file(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in self._files:
            return _json({"error": "nothing is here"}, 404)
        return Response(self._files[name], media_type=TYPES[Path(name).suffix])

    async def state(self, _: Request) -> Any:
        return await run_in_threadpool(self._desk.state)

    async def queue(self, request: Request) -> Any:
        asked = dict(request.query_params)
        unknown = asked.keys() - {"tab", "state", "text", "least", "limit", "after", "before"}
        if unknown:
            raise RequestError(f"unknown parameter {min(unknown)[:60]!r}")
        number = {name: _number(value, name) for name, value in asked.items() if name not in ("tab", "state", "text")}
        before = None if "before" not in number else int(number["before"])
        found = partial(
            self._desk.queue,
            asked.get("tab", ""),
            state=asked.get("state", "open"),
            text=asked.get("text", ""),
            least=number.get("least", 0.0),
            limit=int(number.get("limit", 50)),
            after=int(number.get("after", -1)),
            before=before,
        )
        return await run_in_threadpool(found)

    async def item(self, request: Request) -> Any:
        what, name = request.query_params.get("what", ""), request.query_params.getlist("name")
        return await run_in_threadpool(self._desk.item, what, name)

    async def decide(self, request: Request) -> Any:
        async with self._bodies.read(request) as body:
            said = fields(parse_json(body), {"what", "name", "verdict", "known", "reason"})
        thing, known = _thing(said), _known(said)
        verdict, reason = _text(said, "verdict"), _text({"reason": "", **said}, "reason")
        return await run_in_threadpool(lambda: self._desk.decide(*thing, verdict, known, reason))

    async def undo(self, request: Request) -> Any:
        async with self._bodies.read(request) as body:
            said = fields(parse_json(body), {"what", "name", "known"})
        thing, known = _thing(said), _known(said)
        return await run_in_threadpool(lambda: self._desk.undo(*thing, known))

    async def reload(self, _: Request) -> Any:
        return await run_in_threadpool(self._desk.reload)


def _answered(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a handler: what it returns as JSON, and every failure as an answer with a message."""

    async def answered(request: Request) -> Response:
        try:
            return _json(await handler(request))
        except RequestError as error:
            return _json({"error": str(error)}, error.status)
        except OverloadError as error:
            return _json({"error": str(error)}, 503)
        except ClientDisconnect:
            return _json({"error": "the client went away"}, 400)
        except RecDiffError as error:
            status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
            standing = {"standing": asdict(error.standing)} if isinstance(error, ConflictError) else {}
            return _json({"error": str(error)[:LONGEST], **standing}, status)
        except Exception:
            _log.exception("%s failed", request.url.path)
            return _json({"error": "internal error; the terminal says more"}, 500)

    return answered


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, allow_nan=False), status, media_type="application/json")


def _number(text: str, name: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not -1e15 < found < 1e15:
        raise RequestError(f"{name} must be a number, not {text[:60]!r}")
    return found


def _text(said: dict[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or len(value) > LONGEST:
        raise RequestError(f"{name} must be a text of at most {LONGEST} signs")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RequestError(f"{name} holds text that is not Unicode: half of a surrogate pair") from None
    return value


def _thing(said: dict[str, Any]) -> tuple[str, list[str]]:
    name = said.get("name")
    if not isinstance(name, list):
        raise RequestError("name must be a list of texts")
    return _text(said, "what"), [_text({"name": each}, "name") for each in name]


def _known(said: dict[str, Any]) -> int:
    value = said.get("known")
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RequestError("known must be how many decisions about it were seen, 0 or more")
    return value

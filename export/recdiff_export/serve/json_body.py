"""JSON of strangers: its shape is looked at before it is parsed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

_DEPTH = 16
_PIECE = 1 << 20
_QUOTE, _COMMA = ord('"'), ord(",")
_OPENING, _CLOSING = (ord("["), ord("{")), (ord("]"), ord("}"))


class RequestError(ValueError):
    """A request that cannot be answered; ``status`` is the HTTP status that says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def parse_json(body: bytes, most: int = 1_000_000) -> dict[str, Any]:
    """Return the JSON object in ``body``, of at most ``most`` values.

    Raises:
        RequestError: it is none; 413 where it holds more.
    """
    opened = sum(body.count(sign) for sign in (b"[", b"{"))
    if opened > _DEPTH or opened + body.count(b",") > most:
        _check_shape(body, most)
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise RequestError(f"the body must be a JSON object, not {type(value).__name__}")
    return value


def _check_shape(body: bytes, most: int) -> None:
    """Refuse what would be costly to parse: two signs of text can be a hundred bytes of memory."""
    # Without escapes every quote begins or ends a text.
    plain = body.replace(rb"\\", b"__").replace(rb"\"", b"__")
    quotes = depth = values = 0
    for start in range(0, len(plain), _PIECE):
        signs = np.frombuffer(plain, np.uint8, min(_PIECE, len(plain) - start), start)
        before = quotes + np.cumsum(signs == _QUOTE)
        outside = before % 2 == 0
        opening, closing = (np.isin(signs, kind) & outside for kind in (_OPENING, _CLOSING))
        levels = depth + np.cumsum(opening.astype(np.int8) - closing.astype(np.int8), dtype=np.int64)
        quotes, depth = int(before[-1]), int(levels[-1])
        values += int(np.count_nonzero(opening | ((signs == _COMMA) & outside)))
        if levels.max() > _DEPTH:
            raise RequestError(f"the body is nested deeper than {_DEPTH}")
        if values > most:
            raise RequestError(f"the body holds more than {most} values; send fewer, or binary tensors", 413)

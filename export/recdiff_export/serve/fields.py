"""The fields of /score and /recommend: raw ids, as strangers write them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from recdiff_export.serve.json_body import RequestError


def fields(said: dict[str, Any], accepted: set[str]) -> dict[str, Any]:
    """Return ``said`` where it has no other fields than ``accepted``."""
    extra = sorted(said.keys() - accepted)
    if extra:
        raise RequestError(f"unknown field {extra[0][:60]!r}; accepted: {', '.join(sorted(accepted))}")
    return said


def id_list(said: dict[str, Any], name: str, most: int) -> list[Any]:
    """Return the field ``name``, a list of at most ``most`` whole numbers or texts."""
    values = said.get(name)
    if not isinstance(values, list):
        raise RequestError(f"{name} must be a list of ids")
    if len(values) > most:
        raise RequestError(f"{name}: {len(values)} rows; at most {most} a request", 413)
    if not all(isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)) for value in values):
        raise RequestError(f"{name} must hold whole numbers or text")
    return values


def id_column(values: list[Any], name: str) -> pa.Array:
    """Return ids as one column, all of them whole numbers or all of them text."""
    try:
        return pa.array(values) if values else pa.array([], pa.int64())
    except UnicodeEncodeError:
        raise RequestError(f"{name} holds text that is not Unicode: half of a surrogate pair") from None
    except (pa.ArrowException, OverflowError):
        raise RequestError(f"{name} must hold whole numbers within int64, or text, and not both") from None

"""The fields of /score and /recommend: raw ids, as strangers write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from recdiff.data.problems import shorten
from recdiff_export.runtime.scorer import OnnxScorer
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


def faults_of(scorer: OnnxScorer, src: list[Any], dst: list[Any], rows: Sequence[int]) -> list[dict[str, Any]]:
    """Return why each of ``rows``, counted from 0, has no score: objects with row and error."""
    if not rows:
        return []
    ends = [[side[row] for row in rows] for side in (src, dst)]
    known = [scorer.lookup.index(id_column(side, "ids")) >= 0 for side in ends]
    found = []
    for row, left, right, knows_left, knows_right in zip(rows, *ends, *known, strict=True):
        absent = dict.fromkeys(shorten(end) for end, there in ((left, knows_left), (right, knows_right)) if not there)
        reason = (
            f"not in the model: {', '.join(absent)}" if absent else f"{shorten(left)} twice: an edge joins two users"
        )
        found.append({"row": row, "error": reason})
    return found

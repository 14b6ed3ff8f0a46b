"""JSON Lines for rules engines and review queues: one object per account or group, with labels and an expiry."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from recdiff_adapters.error import AdapterError, OptionError
from recdiff_adapters.output import FilePath, whole_file
from recdiff_adapters.proof import RULE_NAMES, rules_file
from recdiff_adapters.table import ACCOUNTS, GROUPS, Pairs, read_pairs

LIKELY, POSSIBLE = 0.9, 0.5
ENTITY = {ACCOUNTS: ("user", "account"), GROUPS: ("group", "group")}
_ROWS = 65_536


def to_rules(table: pa.Table, path: FilePath, *, expiry: str | None = None, force: bool = False) -> Path:
    """Write one JSON object per account or group (UTF-8) and return the path.

    Each has ``entity_type`` ("user" or "group"), ``entity_id``, ``score``, ``labels``, ``reasons`` and ``expiry``; a
    group has ``members`` too, where the table has them. ``expiry`` is a date or a time (ISO 8601) until which a rule
    may act on the labels; null without one. Raises AdapterError for a bad table or one of edges or recommendations.
    """
    pairs = read_pairs(table)
    if pairs.kind not in ENTITY:
        raise AdapterError(f"the format rules is for accounts and groups, not for {pairs.kind}")
    until = _until(expiry)
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    place = whole_file(path, rules_file, force=force)
    with place as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for batch in pairs.table.to_batches(max_chunksize=_ROWS):
            file.writelines(f"{encode(_object(pairs, row, until))}\n" for row in batch.to_pylist())
    return Path(path)


def _object(pairs: Pairs, row: dict[str, Any], until: str | None) -> dict[str, Any]:
    entity, word = ENTITY[pairs.kind]
    key, score = pairs.id_names
    reasons = [part for part in (row.get("reasons") or "").split("; ") if part]
    values = (entity, row[key], row[score], _labels(word, row[score], row.get("group")), reasons, until)
    found = dict(zip(RULE_NAMES, values, strict=True))
    if pairs.kind == GROUPS and row.get("members"):
        found["members"] = json.loads(row["members"])
    return found


def _labels(word: str, score: float, group: int | None) -> list[str]:
    """Return what a rule can match: how sure it is, and which group an account is in."""
    if score < POSSIBLE:
        return []
    sure = f"likely_fake_{word}" if score >= LIKELY else f"possible_fake_{word}"
    return [sure] if group is None or word == "group" else [sure, f"group:{group}"]


def _until(expiry: str | None) -> str | None:
    if expiry is None:
        return None
    try:
        return datetime.fromisoformat(expiry).isoformat()
    except ValueError:
        raise OptionError(f"expiry={expiry!r} is no date; expected ISO 8601, e.g. 2030-12-31") from None

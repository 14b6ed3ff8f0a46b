"""What was found in the data and handled, with its count."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from recdiff.data.problems import shorten

SHOWN = 3


@dataclass(frozen=True)
class Notice:
    """One thing that was handled rather than refused.

    Attributes:
        kind: a fixed word for programs, such as ``duplicate_edges``.
        count: how many rows, users, items or edges it concerns.
        message: a sentence for people.
    """

    kind: str
    count: int
    message: str

    def __str__(self) -> str:
        return self.message


def counted(kind: str, count: int, message: str) -> list[Notice]:
    """Return the notice when there is anything to count; ``{n}`` in ``message`` becomes the count."""
    return [Notice(kind, count, message.format(n=f"{count:,}"))] if count else []


def look_alikes(ids: pa.Array, what: str) -> list[Notice]:
    """Return a notice where distinct text ``ids`` are the same but for what is seldom meant.

    These are spaces around them, leading zeros, a trailing ``.0`` and Unicode normal form.
    """
    if ids.type != pa.string() or not len(ids):
        return []
    plain = pc.utf8_trim_whitespace(pc.utf8_normalize(ids, "NFC"))
    plain = pc.replace_substring_regex(plain, r"^0+([0-9])", r"\1")
    plain = pc.replace_substring_regex(plain, r"^([0-9]+)\.0+$", r"\1")
    groups = pa.table({"plain": plain, "id": ids}).group_by("plain").aggregate([("id", "count")])
    groups = groups.filter(pc.greater(groups["id_count"], 1))
    if not len(groups):
        return []
    alike = [ids.filter(pc.equal(plain, each))[:2].to_pylist() for each in groups["plain"][:SHOWN]]
    shown = "; ".join(f"{shorten(one)} and {shorten(other)}" for one, other in alike)
    text = f"ids of {what} that differ from another only by spaces, leading zeros, .0 or Unicode form: {{n}} ({shown})"
    return counted("look_alike_ids", pc.sum(groups["id_count"]).as_py() - len(groups), text)

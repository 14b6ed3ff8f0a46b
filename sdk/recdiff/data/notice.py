"""What was found in the data and handled, with its count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """One thing that was handled rather than refused.

    Attributes:
        kind: a fixed word for programs, such as ``duplicate_edges``.
        count: how many rows, users, items or ties it concerns.
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

"""How much was attacked, added up over a run and shown at its end."""

from __future__ import annotations

from collections import Counter

WANTED = {
    "crash points": 200,
    "pairs of writers": 100,
    "loads beside a writer": 2_000,
    "hostile folders": 300,
    "bombs": 30,
    "graph shapes": 30,
    "HTTP requests": 5_000,
    "resource attacks": 10,
}
"""What the long form is to reach."""


class Tally:
    """Counts by kind of attack."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, count: int) -> None:
        """Count ``count`` more attacks of a kind in ``WANTED``, all of which went well."""
        assert kind in WANTED
        self.counts[kind] += count

    def lines(self) -> list[str]:
        """Return the table."""
        return [f"{kind:<24}{self.counts[kind]:>8,}{wanted:>10,}" for kind, wanted in WANTED.items()]

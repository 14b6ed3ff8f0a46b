"""Progress that is told one unit at a time."""

from __future__ import annotations

from recdiff.machine.progress import Steps


def test_steps_are_told_from_none_to_all() -> None:
    told: list[tuple[str, int, int]] = []
    steps = Steps(lambda *step: told.append(step), "score", 3)
    steps.one()
    steps.all()
    assert told == [("score", 0, 3), ("score", 1, 3), ("score", 3, 3)]

"""Hands do every piece once, in order, and again where a worker died."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from recdiff.errors import UsageError
from recdiff.machine.hands import RayHands, ray_hands
from recdiff.machine.ray_cluster import INSTALL, Crew


class BrokenError(Exception):
    """Stands in for what Ray raises of itself."""


class FromTaskError(BrokenError):
    """Stands in for what Ray raises of the work."""


class Here:
    """Stands in for the module ray: pieces are done when they are asked for, the last one first."""

    exceptions = SimpleNamespace(RayError=BrokenError, RayTaskError=FromTaskError)

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def remote(self, function: Callable[..., Any]) -> Any:
        def options(**asked: Any) -> Any:
            self.asked = asked
            return SimpleNamespace(remote=lambda *given: lambda: function(*given))

        return SimpleNamespace(options=options)

    def put(self, value: Any) -> Any:
        return value

    def wait(self, places: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        return places[-num_returns:], places[:-num_returns]

    def get(self, places: list[Any]) -> list[Any]:
        return [each() for each in places]


def test_pieces_come_back_in_order_and_each_is_told() -> None:
    ray, told = Here(), []
    hands = RayHands(ray, Crew(2, 1, cards=False))
    assert hands.each(lambda number: number**2, range(5), lambda: told.append(1)) == [0, 1, 4, 9, 16]
    assert len(told) == 5
    assert ray.asked["num_gpus"] == 0
    assert ray.asked["max_retries"] > 0


def test_what_the_work_raises_is_raised_and_what_ray_raises_is_a_usage_error() -> None:
    hands = RayHands(Here(), Crew(2, 1, cards=False))

    def raising(error: Exception) -> None:
        raise error

    with pytest.raises(FromTaskError):
        hands.each(raising, [FromTaskError("wrong")])
    with pytest.raises(UsageError, match="Ray gave up: no worker"):
        hands.each(raising, [BrokenError("no worker")])


@pytest.fixture(scope="module")
def two_workers() -> Iterator[RayHands]:
    pytest.importorskip("ray", reason=f"needs Ray: {INSTALL}")
    with ray_hands("cpu", 2) as hands:
        yield hands


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray")
def test_a_piece_whose_worker_was_killed_is_done_again(tmp_path: Path, two_workers: RayHands) -> None:
    died = tmp_path / "died"

    def once_killed(number: int) -> int:
        if number == 1 and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number + 10

    assert two_workers.each(once_killed, range(4)) == [10, 11, 12, 13]
    assert died.exists()

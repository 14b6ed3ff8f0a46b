"""How many processor cores a computation may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from recdiff import fit as fitting
from recdiff.config import Config
from recdiff.data.dataset import SocialDataset
from recdiff.machine import cores as module
from recdiff.machine.cores import cores


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process bound to eight cores, without a quota yet."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(module, "CGROUP", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


def test_cores_are_those_this_process_may_use() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("250000 100000", 3), ("50000 100000", 1), ("1600000 100000", 8), ("max 100000", 8), ("nonsense", 8)],
)
def test_a_containers_quota_counts(eight: Path, quota: str, expected: int) -> None:
    eight.write_text(quota + "\n", encoding="ascii")
    assert cores() == expected


@pytest.mark.parametrize(("asked", "expected"), [("3", 3), ("99", 8), ("0", 8), ("4,2", 8), ("", 8)])
def test_a_user_may_leave_cores_to_others(
    eight: Path, monkeypatch: pytest.MonkeyPatch, asked: str, expected: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert cores() == expected


@pytest.mark.parametrize(("given", "free", "expected"), [(1, 8, 1), (2, 1, 1)])
def test_a_fit_takes_no_more_threads_than_it_was_given_or_are_free_and_gives_them_back(
    monkeypatch: pytest.MonkeyPatch, sample_dataset: SocialDataset, given: int, free: int, expected: int
) -> None:
    seen: list[int] = []

    def stop(*_: object, **__: object) -> None:
        seen.append(torch.get_num_threads())
        raise InterruptedError

    monkeypatch.setattr(fitting, "fit_scorer", stop)
    monkeypatch.setattr(fitting, "cores", lambda: free)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(given)
        with pytest.raises(InterruptedError):
            fitting.fit_all(Config(), sample_dataset)
        assert seen == [expected]
        assert torch.get_num_threads() == given
    finally:
        torch.set_num_threads(before)

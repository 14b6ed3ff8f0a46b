"""Sizes are read as people write them, and what is read beyond the bound is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from recdiff.errors import DataError, UsageError
from recdiff.machine import memory
from recdiff.machine.memory import VARIABLE, Budget, at_most, bytes_within, most, parse_size


@pytest.mark.parametrize(
    ("text", "size"), [("800MB", 800_000_000), ("4GiB", 4 << 30), ("1.5g", 1_500_000_000), (" 12 ", 12), ("2ki", 2048)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "4XB", "1e9", "0.1"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no size of memory"):
        parse_size(text)


def test_what_is_said_comes_before_the_environment_and_ends_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "1MB")
    assert most() == 1_000_000
    with at_most(500):
        assert most() == 500
        with at_most(None):
            assert most() == 500
    assert most() == 1_000_000


def test_a_container_bounds_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "memory.max")
    (tmp_path / "memory.max").write_text("1000000\n", encoding="ascii")
    assert most() == 500_000
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert most() > 500_000


def test_a_budget_counts_and_names_file_and_limit() -> None:
    with at_most(1_000):
        budget = Budget(Path("edges.csv"))
        budget.take(900)
        with pytest.raises(DataError) as caught:
            budget.take(200)
    assert str(caught.value).startswith(
        "edges.csv: reading it takes more than 1.1 kB of memory, and 1.0 kB are allowed"
    )


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert bytes_within(tmp_path / "file", 5) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        bytes_within(tmp_path / "file", 4)

"""Variables for the time of a block."""

from __future__ import annotations

import os

import pytest

from recdiff.machine.environment import defaults

OURS, THEIRS = "RECDIFF_TEST_OURS", "RECDIFF_TEST_THEIRS"


def test_what_somebody_set_stays_and_the_rest_is_gone_after_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THEIRS, "theirs")
    monkeypatch.delenv(OURS, raising=False)
    with defaults({OURS: "1", THEIRS: "2"}):
        assert (os.environ[OURS], os.environ[THEIRS]) == ("1", "theirs")
    assert OURS not in os.environ
    assert os.environ[THEIRS] == "theirs"


def test_a_variable_may_be_taken_away_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OURS, raising=False)
    with defaults({OURS: "1"}):
        del os.environ[OURS]
    assert OURS not in os.environ

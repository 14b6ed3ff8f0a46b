"""What can be audited: a table's columns say which, and answers become decisions about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recdiff.audit.sheet import Units
from recdiff.audit.subjects import ACCOUNTS, EDGES, Subject, subject_of


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        (b"user_id,score\n", ACCOUNTS),
        (b'\xef\xbb\xbf"user_id",score\n', ACCOUNTS),
        (b"src,dst\n", EDGES),
        (b"\xff", EDGES),
    ],
)
def test_a_table_says_by_its_columns_what_it_asks_about(tmp_path: Path, header: bytes, subject: Subject) -> None:
    assert subject_of(tmp_path / "none.csv") is EDGES
    (tmp_path / "audit.csv").write_bytes(header)
    assert subject_of(tmp_path / "audit.csv") is subject


@pytest.mark.parametrize(("subject", "dst"), [(EDGES, "y"), (ACCOUNTS, "")])
def test_answers_are_decisions(subject: Subject, dst: str) -> None:
    ids = {"src": ["a", "b"], "dst": ["x", "y"]} if subject is EDGES else {"user_id": ["a", "b"]}
    score = np.array([0.2, 0.7])
    units = Units("f", ids, score)
    (found,) = subject.decisions(units, np.array([1]), np.array([True]), score=score, who="eva")
    assert (found.what, found.src, found.dst, found.verdict) == (subject.what, "b", dst, "fake")
    assert (found.who, found.reason, float(found.score)) == ("eva", "audit", 0.7)

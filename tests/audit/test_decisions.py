"""Decisions last: rows are added whole, one after the other, and the last about a thing stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recdiff.audit.decided import Decided
from recdiff.audit.decisions import (
    TAKEN_BACK,
    ConflictError,
    add_decisions,
    decisions_file,
    key_of,
    read_decisions,
    taken,
)
from recdiff.data.ids import Ids
from recdiff.errors import DataError, UsageError
from recdiff.graph.social_graph import SocialGraph
from recdiff.storage.lock import locked
from tests.attack.crash import KILLED, Bomb, child, ended

USERS = Ids(pa.array(["a", "b", "c", "d"]))
EDGES = np.array([[0, 1], [1, 2], [2, 3], [0, 3]])
GRAPH = SocialGraph(EDGES, len(USERS), directed=False)


def edge(src: str, dst: str, verdict: str, score: float | None = None) -> object:
    return taken("edge", src, dst, verdict, score=score)


def test_rows_are_added_and_what_was_there_stays(tmp_path: Path) -> None:
    file = tmp_path / "decisions.csv"
    assert add_decisions(file, [edge("a", "b", "bad"), edge("b", "a", "fake")], directed=False) == 1
    file.write_text(file.read_text().rstrip("\n"), encoding="utf-8")  # As an editor may leave it.
    before = file.read_bytes()
    assert add_decisions(file, [taken("account", 'é, "x"', "", "real", reason="two\nlines")], directed=False) == 1
    assert file.read_bytes().startswith(before)
    found = read_decisions(file)
    assert [(each.src, each.verdict) for each in found] == [("a", "fake"), ('é, "x"', "real")]
    assert found[1].reason == "two\nlines"
    assert add_decisions(file, [edge("a", "b", "good")], directed=False) == 1
    assert add_decisions(file, [edge("b", "a", "real")], directed=True) == 1


def test_the_last_decision_stands_and_an_edge_goes_before_its_account() -> None:
    rows = [taken("account", "a", "", "fake"), edge("b", "a", "real"), edge("b", "c", "fake"), edge("c", "b", "unsure")]
    found = Decided.of([*rows, edge("x", "a", "fake"), taken("group", "g", "", "fake")], USERS, GRAPH)
    assert found.verdicts.tolist() == [0, -1, -1, 1]
    assert found.elsewhere == 1
    back = Decided.of([*rows, taken("account", "a", "", "real")], USERS, GRAPH)
    assert back.verdicts.tolist() == [0, -1, -1, -1]
    assert Decided.of(rows, USERS, SocialGraph(EDGES, len(USERS), True)).verdicts.tolist() == [1, 1, -1, 1]


def test_who_knew_of_fewer_decisions_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "decisions.csv"
    first, other = edge("a", "b", "fake"), edge("b", "a", "real")
    known = {key_of(first, False): 0}
    assert key_of(first, False) == key_of(other, False) != key_of(other, True)
    assert add_decisions(file, [first], directed=False, known=known) == 1
    before = file.read_bytes()
    with pytest.raises(ConflictError, match="has meanwhile decided edge 'a,b': fake") as told:
        add_decisions(file, [edge("c", "d", "real"), other], directed=False, known=known)
    assert told.value.standing == first
    assert file.read_bytes() == before
    assert add_decisions(file, [other], directed=False, known={key_of(other, False): 1}) == 1
    # To be unsure is one thing, to take that back another.
    unsure = edge("a", "b", "unsure")
    back = taken("edge", "a", "b", "unsure", TAKEN_BACK)
    assert [add_decisions(file, [each], directed=False) for each in (unsure, unsure, back, back)] == [1, 0, 1, 0]


def test_only_new_evidence_contradicts() -> None:
    rows = [
        edge("a", "b", "real", 0.9),
        edge("b", "c", "real", 0.1),
        edge("c", "d", "fake", 0.9),
        edge("a", "d", "fake"),
    ]
    found = Decided.of(rows, USERS, GRAPH)
    assert found.contradicted(np.array([0.92, 0.8, 0.3, 0.3])).tolist() == [1, 2]


def test_a_killed_writer_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "decisions.csv"
    add_decisions(file, [edge("a", "b", "fake")], directed=False)
    before, new = file.read_bytes(), edge("c", "d", "real")
    for point in range(1, 50):
        file.write_bytes(before)
        code = ended(child(lambda: add_decisions(file, [new], directed=False), Bomb(tmp_path, point, False)))
        held = read_decisions(file)
        assert file.read_bytes().startswith(before)
        assert len(held) in (1, 2)
        if code != KILLED:
            assert len(held) == 2
            assert point > 3
            return
    raise AssertionError("the writer does not end")


def test_two_writers_one_after_the_other(tmp_path: Path) -> None:
    """Crowded writers are told to wait; who retries adds to what the others have added."""
    file = tmp_path / "decisions.csv"
    with locked(file), pytest.raises(UsageError, match="is being written by"):
        add_decisions(file, [edge("a", "b", "fake")], directed=False)
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from recdiff.audit.decisions import add_decisions, taken\n"
        "from recdiff.errors import UsageError\n"
        "for n in range(10):\n"
        "    while True:\n"
        "        try:\n"
        "            new = [taken('account', f'{sys.argv[2]}{n}', '', 'fake')]\n"
        "            add_decisions(Path(sys.argv[1]), new, directed=False)\n"
        "            break\n"
        "        except UsageError:\n"
        "            time.sleep(0.005)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(file), name]) for name in ("x", "y")]
    assert [each.wait() for each in writers] == [0, 0]
    assert sorted(each.src for each in read_decisions(file)) == sorted(f"{w}{n}" for w in "xy" for n in range(10))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("what,src\n", "has no column 'dst'"),
        ("what,src,dst,who,when,verdict,reason,score\ntie,a,b,,,fake,,\n", "row 2, column 'what': 'tie'; accepted are"),
        ("what,src,dst,who,when,verdict,reason,score\nedge,a,b,,,fake,,7\n", "row 2, column 'score': '7'"),
        ("what,src,dst,who,when,verdict,reason,score\nedge,a,b\n", "row 2: has more or fewer fields"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named_and_left_alone(tmp_path: Path, content: str, said: str) -> None:
    file = decisions_file(tmp_path)
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=said.replace("(", "\\(")):
        add_decisions(file, [edge("a", "b", "fake")], directed=False)
    assert file.read_text(encoding="utf-8") == content

"""What people decided, for good: `decisions.csv` beside the data.

One row a decision, in the order in which they were taken; the last one about a thing stands, "unsure" takes back what
was decided before. Rows are only ever added: under the file's lock, and in one step, so that a killed writer leaves the
old file or the new one. What is decided of an account holds for all its edges; what is decided of an edge goes first.

Letters: E edges.
"""

from __future__ import annotations

import csv
import getpass
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from recdiff.arrays import Float64, Int64, Mask
from recdiff.audit.csv_rows import csv_rows
from recdiff.audit.names import NAME
from recdiff.audit.verdict import UNSURE, is_fake_of, word_of
from recdiff.data.ids import Ids
from recdiff.data.problems import Problem, data_error, shorten
from recdiff.errors import DataError
from recdiff.graph.edge_index import EdgeIndex
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.odds import odds_of
from recdiff.model.told import FAKE, REAL, SILENT, Verdicts
from recdiff.storage.whole import replaced_file

EDGE, ACCOUNT, GROUP = "edge", "account", "group"
MOVED = 2.0
"""By how much log odds have moved against a decision before it is shown again."""


@dataclass(frozen=True)
class Decision:
    """One decision.

    Attributes:
        what: "edge", "account" or "group". src: an end's id, an account's or a group's. dst: the other end's, or "".
        who, when: who took it, and when (ISO 8601, UTC).
        verdict: "fake", "real" or "unsure". reason: in words.
        score: the fake score when it was taken, or "" where there was none.
    """

    what: str
    src: str
    dst: str
    who: str
    when: str
    verdict: str
    reason: str = ""
    score: str = ""


COLUMNS = tuple(each.name for each in fields(Decision))


def taken(
    what: str, src: str, dst: str, verdict: str, reason: str = "", who: str = "", score: float | None = None
) -> Decision:
    """Return a decision that is taken now, by ``who`` or the user of this process."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    told = "" if score is None else f"{score:.6f}"
    return Decision(what, src, dst, who=who or _user(), when=when, verdict=word_of(verdict), reason=reason, score=told)


def decisions_file(data: Path) -> Path:
    """Return where the decisions about the data at ``data``, a folder or a file, are kept."""
    return (data if data.is_dir() else data.parent) / NAME


def read_decisions(file: Path) -> list[Decision]:
    """Return all decisions in ``file``, in order; none where there is no file.

    Raises:
        DataError: a row cannot be understood; every such row is named.
    """
    return _parsed(file, file.read_bytes()) if file.exists() else []


def add_decisions(file: Path, new: Sequence[Decision], *, directed: bool) -> int:
    """Add decisions and return how many: what stands already is not decided twice.

    Raises:
        DataError: what is there cannot be understood, so nothing is added. UsageError: another process is writing it.
        WriteError: the place cannot be written; the file is then as it was.
    """
    for each in new:
        fault = _fault(each)
        if fault is not None:
            raise DataError(f"decision about {each.what} {shorten(each.src)}: {fault[1]}")
    with replaced_file(file) as draft:  # Under the file's lock: nobody adds between reading and writing.
        held = file.read_bytes() if file.exists() else b""
        standing = {_key(each, directed): each.verdict for each in _parsed(file, held)} if held else {}
        added = []
        for each in new:
            key = _key(each, directed)
            if standing.get(key) != each.verdict:
                standing[key] = each.verdict
                added.append(each)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not held:
            writer.writerow(COLUMNS)
        writer.writerows(astuple(each) for each in added)
        between = b"\n" if held and not held.endswith(b"\n") else b""
        draft.write_bytes(held + (between + text.getvalue().encode() if added or not held else b""))
    return len(added)


@dataclass(frozen=True, eq=False)
class Decided:
    """What decisions say of the edges (E, 2) of a graph.

    Attributes:
        verdicts: (E,), 1 fake, 0 real, -1 nothing.
        own: (E,) whether it was decided of the edge itself, not of an account.
        score: (E,) when it was decided, nan where that is not known.
        elsewhere: decisions about what is not in the graph.
    """

    verdicts: Verdicts
    own: Mask
    score: Float64
    elsewhere: int

    @classmethod
    def of(cls, decisions: Iterable[Decision], users: Ids, edges: Int64, *, directed: bool) -> Decided:
        """Look up what was decided of ``edges`` by position in ``users``."""
        told = list(decisions)
        said: Verdicts = np.full(len(edges), SILENT, np.int8)
        own, score = np.zeros(len(edges), bool), np.full(len(edges), np.nan)
        accounts = [each for each in told if each.what == ACCOUNT]
        at = _positions(users, [each.src for each in accounts])
        fake = np.zeros(len(users), bool)
        fake[at[at >= 0]] = [each.verdict == "fake" for each, place in zip(accounts, at, strict=True) if place >= 0]
        said[fake[edges].any(axis=1)] = FAKE
        about = [each for each in told if each.what == EDGE]
        pairs = np.stack([_positions(users, [getattr(each, end) for each in about]) for end in ("src", "dst")], axis=1)
        known = (pairs >= 0).all(axis=1)
        rows = np.full(len(about), -1)
        if len(edges) and known.any():
            rows[known] = EdgeIndex.of(SocialGraph(edges, len(users), directed)).rows_of(pairs[known])
        for each, row in zip(about, rows.tolist(), strict=True):
            if row >= 0:
                verdict = is_fake_of(each.verdict)
                own[row] = verdict is not None
                if verdict is None:
                    said[row] = FAKE if fake[edges[row]].any() else SILENT
                else:
                    said[row] = FAKE if verdict else REAL
                score[row] = float(each.score) if each.score else np.nan
        return cls(said, own, score, int((at < 0).sum() + (rows < 0).sum()))

    def contradicted(self, score: Float64) -> Int64:
        """Return the edges whose decision the scores (E,) of now speak against, as they did not when it was taken."""
        now = odds_of(score)
        before = np.where(np.isnan(self.score), 0.0, odds_of(np.nan_to_num(self.score, nan=0.5)))
        against = np.where(self.verdicts == FAKE, -1.0, 1.0)
        strong = (against * now > 0.0) & (against * (now - before) >= MOVED)
        return np.flatnonzero(self.own & strong)


def _positions(users: Ids, ids: list[str]) -> Int64:
    return users.index(pa.array(ids, pa.string()))


def _key(each: Decision, directed: bool) -> tuple[str, ...]:
    ends = (each.src, each.dst)
    return (each.what, *(ends if directed or each.what != EDGE else sorted(ends)))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # A container's user may have no name.
        return "unnamed"


def _parsed(file: Path, content: bytes) -> list[Decision]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 at byte {error.start}; save it as CSV in UTF-8") from None
    found: list[Decision] = []
    problems: list[Problem] = []
    for line, row in csv_rows(file, text, COLUMNS, ", ".join(COLUMNS)):
        if row is None:
            problems.append(Problem("has more or fewer fields than the header", line))
            continue
        each = Decision(**{name: row[name].strip() if name == "verdict" else row[name] for name in COLUMNS})
        fault = _fault(each)
        if fault is None:
            found.append(replace(each, verdict=word_of(each.verdict)))
        else:
            problems.append(Problem(fault[1], line, fault[0]))
    if problems:
        raise data_error(file, problems)
    return found


def _fault(each: Decision) -> tuple[str, str] | None:
    """Return the column and what is wrong with a decision, or None."""
    if each.what not in (EDGE, ACCOUNT, GROUP):
        return "what", f"{shorten(each.what)}; accepted are {EDGE}, {ACCOUNT}, {GROUP}"
    if not each.src or bool(each.dst) != (each.what == EDGE):
        return "src" if not each.src else "dst", "an edge has src and dst, an account or a group has src alone"
    if is_fake_of(each.verdict) is None and each.verdict.lower() not in UNSURE:
        return "verdict", f"{shorten(each.verdict)}; accepted are fake, real and unsure"
    try:
        if each.score and not 0.0 <= float(each.score) <= 1.0:
            raise ValueError
    except ValueError:
        return "score", f"{shorten(each.score)}; expected a number from 0 to 1, or nothing"
    return None

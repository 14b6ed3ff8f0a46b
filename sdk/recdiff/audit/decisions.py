"""What people decided, for good: `decisions.csv` beside the data.

One row a decision, in the order in which they were taken; the last one about a thing stands, "unsure" takes back what
was decided before. Rows are only ever added: under the file's lock, and in one step, so that a killed writer leaves the
old file or the new one. What is decided of an account holds for all its edges; what is decided of an edge goes first.
Somebody who decides says how many decisions about the thing they knew of, and is told of any that came meanwhile.

Letters: U users, B ids.
"""

from __future__ import annotations

import csv
import getpass
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from recdiff.arrays import Int64
from recdiff.audit.csv_rows import csv_rows
from recdiff.audit.names import NAME
from recdiff.audit.verdict import UNSURE, is_fake_of, word_of
from recdiff.data.ids import Ids
from recdiff.data.problems import Problem, data_error, shorten
from recdiff.errors import DataError, UsageError
from recdiff.model.told import FAKE, REAL, SILENT, Verdicts
from recdiff.storage.whole import replaced_file

EDGE, ACCOUNT, GROUP = "edge", "account", "group"
TAKEN_BACK = "taken back"
"""The reason of an "unsure" after which a thing is open again, as if nobody had looked at it."""
Key = tuple[str, ...]
"""What a decision is about: what, src, dst."""


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


class ConflictError(UsageError):
    """Somebody decided meanwhile; ``standing`` is what they decided."""

    def __init__(self, standing: Decision) -> None:
        named = ",".join(filter(None, (standing.src, standing.dst)))
        super().__init__(f"{standing.who} has meanwhile decided {standing.what} {shorten(named)}: {standing.verdict}")
        self.standing = standing


def taken(
    what: str, src: str, dst: str, verdict: str, reason: str = "", *, who: str = "", score: float | None = None
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


def add_decisions(
    file: Path, new: Sequence[Decision], *, directed: bool, known: Mapping[Key, int] | None = None
) -> int:
    """Add decisions and return how many: what stands already is not decided twice.

    Args:
        known: by ``key_of``, how many decisions about a thing somebody knew of when they took theirs.

    Raises:
        ConflictError: there are more by now, so nothing is added.
        DataError: what is there cannot be understood, so nothing is added. UsageError: another process is writing it.
        WriteError: the place cannot be written; the file is then as it was.
    """
    for each in new:
        fault = _fault(each)
        if fault is not None:
            raise DataError(f"decision about {each.what} {shorten(each.src)}: {fault[1]}")
    with replaced_file(file) as draft:  # Under the file's lock: nobody adds between reading and writing.
        held = file.read_bytes() if file.exists() else b""
        before = _parsed(file, held) if held else []
        standing = {key_of(each, directed): each for each in before}
        count = Counter(key_of(each, directed) for each in before)
        for key, expected in (known or {}).items():
            if count[key] > expected:
                raise ConflictError(standing[key])
        added = []
        for each in new:
            key = key_of(each, directed)
            if key not in standing or _said(standing[key]) != _said(each):
                standing[key] = each
                added.append(each)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not held:
            writer.writerow(COLUMNS)
        writer.writerows(astuple(each) for each in added)
        between = b"\n" if held and not held.endswith(b"\n") else b""
        draft.write_bytes(held + (between + text.getvalue().encode() if added or not held else b""))
    return len(added)


def key_of(each: Decision, directed: bool) -> Key:
    """Return what a decision is about; an undirected edge is the same either way round."""
    ends = (each.src, each.dst)
    return (each.what, *(ends if directed or each.what != EDGE else sorted(ends)))


def about_accounts(decisions: Iterable[Decision], users: Ids) -> Verdicts:
    """Return what stands of each account, (U,): 1 fake, 0 real, -1 nothing."""
    told = [each for each in decisions if each.what == ACCOUNT]
    found: Verdicts = np.full(len(users), SILENT, np.int8)
    for place, each in zip(positions(users, [each.src for each in told]).tolist(), told, strict=True):
        if place >= 0:
            fake = is_fake_of(each.verdict)
            found[place] = SILENT if fake is None else FAKE if fake else REAL
    return found


def ends_of(about: Iterable[Decision], users: Ids) -> Int64:
    """Return where both ends of each decision about an edge are in ``users``, (B, 2); -1 where one is not."""
    told = list(about)
    return np.stack([positions(users, [getattr(each, end) for each in told]) for end in ("src", "dst")], axis=1)


def positions(users: Ids, ids: list[str]) -> Int64:
    """Return where each id, as it is written, is in ``users``, (B,); -1 where it is not."""
    return users.index(pa.array(ids, pa.string()))


def _said(each: Decision) -> tuple[str, bool]:
    return each.verdict, each.reason == TAKEN_BACK


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

"""The desk of somebody who decides: one model, what there is to decide of it, and what has been said so far.

What comes in and goes out is plain, as JSON has it. Whoever asks: one thing is done at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from recdiff.audit.decisions import ACCOUNT, EDGE, GROUP, TAKEN_BACK, Decision, taken
from recdiff.audit.estimate import counted
from recdiff.audit.groups import group_decisions
from recdiff.audit.place import decisions_of
from recdiff.audit.verdict import is_fake_of
from recdiff.errors import DataError, UsageError
from recdiff.model.told import FAKE, REAL, SILENT
from recdiff.review.answers import AuditSheet
from recdiff.review.ledger import Ledger
from recdiff.review.marks import STATES, Marks, account_marks, edge_marks, group_marks
from recdiff.review.opened import SORTS, Opened, digest_of
from recdiff.review.queue import page
from recdiff.review.told import Teller

AUDIT = "audit"
"""What an audit's table asks about, beside the sorts of things."""
MOST_LINES = 200


class Desk:
    """A model folder and the decisions about it.

    Args:
        model: the model folder. data: where the data are, if not where the model notes.
        who: whose decisions are written, by default the user of this process.
        audit: a table that `audit` wrote; verdicts about what it asks are filled in there, too.

    Raises:
        ArtifactError: see ``model.folder.read_artifact``.
        DataError: the model scores no edges, or decisions or the table cannot be understood.
        UsageError: nobody knows where the data are.
    """

    def __init__(self, model: Path, *, data: Path | None = None, who: str = "", audit: Path | None = None) -> None:
        self._folder, self._data, self._audit = model, data, audit
        self._who = taken(EDGE, "", "", "unsure", who=who).who
        self._lock = RLock()
        self._seen: tuple[object, ...] = ()
        self._marks: dict[str, Marks] = {}
        self._open()

    def _open(self) -> None:
        opened = Opened.read(self._folder)
        file = decisions_of(opened.fitted, self._folder, self._data)
        if file is None:
            raise UsageError("it is not known where the data are, so decisions could not be kept; say --data DATA")
        ledger = Ledger(file, opened.fitted.directed)
        sheet = None if self._audit is None else AuditSheet(self._audit, opened.fitted)
        self._opened, self._ledger, self._sheet, self._seen = opened, ledger, sheet, ()
        if sheet is not None:
            self._look()
            sheet.fill(self._marks[sheet.what])

    def reload(self) -> dict[str, Any]:
        """Open the model that lies in the folder now; where it cannot be opened, the old one stays.

        An audit of the model before is closed then; what was answered stays in its table.
        """
        with self._lock:
            try:
                self._open()
            except DataError:
                if self._audit is None:
                    raise
                self._audit = None
                self._open()
            return self.state()

    def state(self) -> dict[str, Any]:
        """Return which model is open and which one lies in the folder, who decides, and how far that is."""
        with self._lock:
            self._look()
            now = digest_of(self._folder)
            tabs = [*SORTS, *([AUDIT] if self._sheet else [])]
            return {
                "model": self._opened.digest,
                "changed": now != self._opened.digest,
                "gone": not now,
                "directed": self._opened.fitted.directed,
                "who": self._who,
                "decisions": str(self._ledger.file.resolve()),
                "version": self._ledger.version,
                "progress": {tab: self._progress(tab) for tab in tabs},
                "fake_share": dict(self._opened.fitted.calibration["fake_share"]),
            }

    def queue(
        self,
        tab: str,
        *,
        state: str = "open",
        text: str = "",
        least: float = 0.0,
        limit: int = 50,
        after: int = -1,
        before: int | None = None,
    ) -> dict[str, Any]:
        """Return lines of the queue ``tab``: a sort of thing, or "audit".

        Args:
            state: one of ``marks.STATES``. text: in a name. least: score. limit, after, before: see ``queue.page``.

        Raises:
            UsageError: there is no such queue or state, or the limit is none.
        """
        if state not in STATES:
            raise UsageError(f"state {state!r}: expected {', '.join(STATES)}")
        if not 0 < limit <= MOST_LINES:
            raise UsageError(f"limit {limit}: expected 1 to {MOST_LINES}")
        with self._lock:
            self._look()
            what, marks = self._tab(tab)
            queue = self._opened.queues[what]
            chosen = queue.matching(text, least) & marks.chosen(state)
            if tab == AUDIT and self._sheet:
                chosen &= self._sheet.drawn
            found = page(queue, chosen, limit, after=after, before=before)
            tell = self._teller()
            lines = [
                tell.line(what, place) | {"rank": rank}
                for place, rank in zip(found.places.tolist(), found.ranks.tolist(), strict=True)
            ]
            return {"model": self._opened.digest, "total": found.total, "start": found.start, "lines": lines}

    def item(self, what: str, name: Sequence[str]) -> dict[str, Any]:
        """Return all there is to say of a thing.

        Raises:
            DataError: there is no such thing.
        """
        with self._lock:
            self._look()
            place = self._opened.place(what, name)
            found = self._teller().full(what, place)
            audited = self._asked(what, place)
            return {"model": self._opened.digest, "audited": audited, **found}

    def decide(self, what: str, name: Sequence[str], verdict: str, known: int, reason: str = "") -> dict[str, Any]:
        """Decide about a thing, and return all there is to say of it then.

        Args:
            known: how many decisions about it the one who decides has seen.

        Raises:
            ConflictError: there are more; nothing is written.
            DataError: there is no such thing. UsageError: no such verdict. WriteError: it cannot be written.
        """
        if is_fake_of(verdict) is None and verdict != "unsure":
            raise UsageError(f"verdict {verdict!r}: expected fake, real or unsure")
        with self._lock:
            return self._write(what, self._opened.place(what, name), verdict, reason, known=known)

    def undo(self, what: str, name: Sequence[str], known: int) -> dict[str, Any]:
        """Take back the last decision about a thing: the one before stands again, or the thing is open.

        Raises:
            ConflictError: somebody has decided since. UsageError: there is nothing to take back.
        """
        with self._lock:
            self._look()
            place = self._opened.place(what, name)
            key = self._teller().key(what, place)
            rows = [each for each in self._ledger.rows if self._ledger.key(each) == key]
            if not rows:
                raise UsageError("there is no decision about it to take back")
            before = rows[-2] if len(rows) > 1 else None
            verdict, reason = ("unsure", TAKEN_BACK) if before is None else (before.verdict, before.reason)
            return self._write(what, place, verdict, reason, known=known)

    def _write(self, what: str, place: int, verdict: str, reason: str, *, known: int) -> dict[str, Any]:
        self._ledger.refresh()
        queue = self._opened.queues[what]
        name, score = queue.name(place), float(queue.score[place])
        on_sheet = self._asked(what, place)
        if on_sheet and not reason:
            reason = AUDIT
        self._ledger.add(self._rows(what, place, name, verdict, reason=reason, score=score), known)
        if on_sheet and self._sheet is not None:
            self._sheet.answer({place: "" if reason == TAKEN_BACK else verdict})
        return self.item(what, name) | {"state_now": self.state()}

    def _asked(self, what: str, place: int) -> bool:
        """Tell whether an audit's table is open that asks about the thing."""
        return self._sheet is not None and self._sheet.what == what and bool(self._sheet.drawn[place])

    def _rows(
        self, what: str, place: int, name: tuple[str, ...], verdict: str, *, reason: str, score: float
    ) -> list[Decision]:
        if what == GROUP:
            accounts = self._opened.queues[ACCOUNT]
            members = [accounts.name(int(each))[0] for each in self._opened.members[place]]
            return group_decisions(members, verdict, self._ledger.standing, reason=reason, who=self._who, score=score)
        dst = name[1] if what == EDGE else ""
        return [taken(what, name[0], dst, verdict, reason, who=self._who, score=score)]

    def _look(self) -> None:
        """Take in what has been decided since."""
        self._ledger.refresh()
        if self._sheet is not None:
            self._sheet.refresh()
        seen = self._ledger.version, self._sheet.version if self._sheet else 0
        if seen == self._seen:
            return
        fitted, queues = self._opened.fitted, self._opened.queues
        accounts = account_marks(fitted, self._ledger)
        self._marks = {
            GROUP: group_marks(fitted, queues[GROUP], accounts, self._ledger),
            ACCOUNT: accounts,
            EDGE: edge_marks(fitted, queues[EDGE], self._ledger),
        }
        self._seen = seen

    def _teller(self) -> Teller:
        return Teller(self._opened, self._marks, self._ledger)

    def _tab(self, tab: str) -> tuple[str, Marks]:
        if tab == AUDIT and self._sheet is not None:
            return self._sheet.what, self._sheet.marks
        if tab not in self._marks:
            raise UsageError(f"queue {tab!r}: expected {', '.join(self._marks)}, or audit where a table is open")
        return tab, self._marks[tab]

    def _progress(self, tab: str) -> dict[str, Any]:
        """Return how many of a queue are decided, how much of the harm that is, and how many of them were fakes."""
        what, marks = self._tab(tab)
        queue = self._opened.queues[what]
        among = self._sheet.drawn if tab == AUDIT and self._sheet else np.ones(len(queue), bool)
        done = (marks.state != SILENT) & among
        looked = marks.own & done
        fake, real = (int((looked & (marks.state == code)).sum()) for code in (FAKE, REAL))
        harm = float(queue.harm[among].sum())
        found: dict[str, Any] = {
            "total": int(among.sum()),
            "decided": int(done.sum()),
            "again": int((marks.again & among).sum()),
            "harm": float(queue.harm[done].sum()) / harm if harm else 0.0,
            "fake": fake,
            "real": real,
        }
        if tab == AUDIT and self._sheet is not None:
            share, found["of"] = self._sheet.share(), what
        else:
            share = counted(fake, fake + real) if fake + real else None
        found["share"] = None if share is None else asdict(share)
        sure = looked & ((marks.state == FAKE) | (marks.state == REAL))
        found["expected"] = float(queue.score[sure].mean()) if sure.any() else None
        return found

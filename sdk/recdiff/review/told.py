"""What is said of one thing: in a line of the queue, and in full. Plain values, as JSON has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from recdiff.accounts.tables import reasons_of
from recdiff.arrays import Float64, Int64
from recdiff.audit.decisions import ACCOUNT, EDGE, GROUP, Key
from recdiff.fakes.kinds import kind
from recdiff.groups.find import LOCKSTEP, top_targets
from recdiff.model.explanation import counted, facts_of, verdict_of
from recdiff.review.ledger import Ledger
from recdiff.review.marks import WORDS, Marks
from recdiff.review.opened import Opened
from recdiff.review.similar import nearest
from recdiff.review.why import why_account, why_edge, why_group

LISTED = 12
"""Friends, items, edges or members that are named at once."""
MEMBERS_DRAWN, TARGETS_DRAWN = 40, 8
COUNTED = {"common_friends": "common friend", "shared_items": "shared item"}
BINS = 24
"""Stretches of time that are told apart."""


class Teller:
    """Says what there is to say of one model's things, given what was decided."""

    def __init__(self, opened: Opened, marks: dict[str, Marks], ledger: Ledger) -> None:
        self._opened = opened
        self._fitted = opened.fitted
        self._marks = marks
        self._ledger = ledger

    def line(self, what: str, place: int) -> dict[str, Any]:
        """Return what a line of the queue says."""
        queue, marks = self._opened.queues[what], self._marks[what]
        found = {
            "what": what,
            "name": list(queue.name(place)),
            "score": float(queue.score[place]),
            "harm": float(queue.harm[place]),
            "reach": int(queue.reach[place]),
            "state": WORDS[int(marks.state[place])],
            "again": bool(marks.again[place]),
            "note": self._note(what, place),
        }
        return found | ({"number": place + 1} if what == GROUP else {})

    def full(self, what: str, place: int) -> dict[str, Any]:
        """Return all there is to say."""
        key = self.key(what, place)
        said = {GROUP: self._group, ACCOUNT: self._account, EDGE: self._edge}[what](place)
        history = [asdict(each) for each in self._ledger.rows if self._ledger.key(each) == key]
        similar = self._similar(what, place)
        return {**self.line(what, place), "known": len(history), "history": history, "similar": similar, **said}

    def _note(self, what: str, place: int) -> str:
        fitted = self._fitted
        if what == EDGE:
            row = fitted.edges.slice(place, 1).to_pylist()[0]
            return ", ".join(counted(row[name], word) for name, word in COUNTED.items() if row.get(name) is not None)
        if what == ACCOUNT:
            reasons = reasons_of(fitted.accounts, fitted.account_evidence.used, np.array([place]))[0]
            return reasons or "nothing suspicious"
        groups, group = fitted.accounts.groups, self._inner(place)
        dense = f"dense, {100 * groups.density()[group]:.0f} % of pairs tied"
        return f"{groups.size[group]:,} accounts, {'same targets' if groups.kind[group] == LOCKSTEP else dense}"

    def _edge(self, row: int) -> dict[str, Any]:
        fitted, explainer = self._fitted, self._opened.explainer
        pair = fitted.pairs[[row]]
        friends, items = explainer.common(pair)
        evidence = explainer.evidence(pair)
        found = explainer.parts(pair)
        times = self._fitted.edge_times
        verdict = verdict_of(float(fitted.scores[row]), float(fitted.calibration["noise_level"]))
        return {
            "verdict": verdict,
            "looks": kind(evidence["kind"]).sentence if evidence.get("kind") else None,
            "why": None if found is None else asdict(why_edge(found, facts_of(evidence))),
            "facts": list(facts_of(evidence).values()),
            "ends": [self.line(ACCOUNT, int(each)) for each in pair[0]],
            "friends": self._named(friends),
            "items": self._items(items),
            "tied_at": None if times is None or not np.isfinite(times[row]) else float(times[row]),
            "graph": self._graph(pair[0], *self._opened.surroundings.drawn(pair[0])),
            "by_account": [each for each in self._decided_accounts(pair[0]) if not self._marks[EDGE].own[row]],
        }

    def _account(self, user: int) -> dict[str, Any]:
        opened, fitted = self._opened, self._fitted
        rows, others = opened.surroundings.others(user)
        number = int(opened.number[user])
        edges = [
            {"edge": self.line(EDGE, int(row)), "other": self.line(ACCOUNT, int(other))}
            for row, other in zip(rows[:LISTED], others[:LISTED], strict=True)
        ]
        one = np.array([user])
        return {
            "why": asdict(why_account(fitted.accounts, fitted.account_evidence.used, user)),
            "expected_fake": float(fitted.accounts.expected_fake[user]),
            "group": self.line(GROUP, number - 1) if number else None,
            "edges": {"total": len(rows), "shown": edges},
            "items": self._items(fitted.seen[[user]].indices),
            "times": self._times(rows),
            "graph": self._graph(one, *opened.surroundings.drawn(one)),
        }

    def _group(self, place: int) -> dict[str, Any]:
        opened, fitted = self._opened, self._fitted
        accounts, members, group = fitted.accounts, opened.members[place], self._inner(place)
        members = members[np.argsort(-accounts.log_odds[members], kind="stable")]
        targets = np.array(self._targets(group), np.int64)
        drawn = np.concatenate([members[:MEMBERS_DRAWN], targets])
        touched = np.unique(np.concatenate([opened.surroundings.edges_of(int(each)) for each in members]))
        among = touched[np.isin(fitted.pairs[touched], drawn).all(axis=1)]
        drawn = drawn[np.isin(drawn, fitted.pairs[among])]
        return {
            "why": asdict(why_group(accounts, fitted.account_evidence.used, members)),
            "members": self._named(members),
            "targets": self._named(targets),
            "reaching": int(accounts.groups.reach[group]),
            "inside": int(accounts.groups.inside[group]),
            "times": self._times(touched),
            "graph": self._graph(members, drawn, among),
        }

    def _inner(self, place: int) -> int:
        """Return the group at ``place`` of the queue as the model numbers it."""
        return int(self._fitted.accounts.groups.member[self._opened.members[place][0]])

    def _targets(self, group: int) -> list[int]:
        return top_targets(self._fitted.accounts.groups, self._fitted.pairs, TARGETS_DRAWN)[group]

    def _named(self, users: Int64) -> dict[str, Any]:
        return {"total": len(users), "shown": [self.line(ACCOUNT, int(each)) for each in users[:LISTED]]}

    def _items(self, items: Int64) -> dict[str, Any]:
        shown = self._fitted.items.take(items[:LISTED]).cast(pa.string()).to_pylist() if len(items) else []
        return {"total": len(items), "shown": shown}

    def _graph(self, centres: Int64, users: Int64, rows: Int64) -> dict[str, Any]:
        """Return the part of the graph that is drawn: ``users``, and the edges ``rows`` among them."""
        queue, marks, inner = self._opened.queues, self._marks, set(centres.tolist())
        name = {user: queue[ACCOUNT].name(user)[0] for user in users.tolist()}
        nodes = [
            {
                "id": name[user],
                "score": float(queue[ACCOUNT].score[user]),
                "state": WORDS[int(marks[ACCOUNT].state[user])],
                "centre": user in inner,
            }
            for user in users.tolist()
        ]
        edges = [
            {
                "source": name[one],
                "target": name[other],
                "score": float(queue[EDGE].score[row]),
                "state": WORDS[int(marks[EDGE].state[row])],
            }
            for row, (one, other) in zip(rows.tolist(), self._fitted.pairs[rows].tolist(), strict=True)
        ]
        return {"nodes": nodes, "edges": edges, "directed": self._fitted.directed}

    def _times(self, rows: Int64) -> dict[str, Any] | None:
        """Return how many of the edges ``rows`` came about when; None where nobody knows."""
        times = self._fitted.edge_times
        known: Float64 = np.empty(0) if times is None else times[rows]
        known = known[np.isfinite(known)]
        if len(known) < 2:
            return None
        counts, _ = np.histogram(known, BINS)
        return {"first": float(known.min()), "last": float(known.max()), "counts": counts.tolist()}

    def _similar(self, what: str, place: int) -> list[dict[str, Any]]:
        """Return the cases most like it of those that people decided themselves."""
        decided = np.flatnonzero(self._marks[what].own)
        found = []
        for each in nearest(self._opened.evidence[what], place, decided).tolist() if len(decided) else []:
            said = self._ledger.standing[self.key(what, each)]
            found.append(self.line(what, each) | {"who": said.who, "reason": said.reason, "when": said.when})
        return found

    def _decided_accounts(self, users: Iterable[int]) -> list[str]:
        """Return which of the users were decided to be fake."""
        names = [self._opened.queues[ACCOUNT].name(int(each))[0] for each in users]
        standing = self._ledger.standing
        return [each for each in names if (said := standing.get((ACCOUNT, each, ""))) and said.verdict == "fake"]

    def key(self, what: str, place: int) -> Key:
        """Return by what decisions about a thing are found."""
        name = self._opened.queues[what].name(place)
        if what != EDGE:
            return (what, *name, "")
        return (what, *(name if self._fitted.directed else sorted(name)))

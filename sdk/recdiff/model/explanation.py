"""Say in words why an edge got its score, from what each part of the evidence added to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recdiff.fakes.kinds import kind
from recdiff.model.contributions import (
    ACCOUNTS,
    ANSWERS,
    COMPANY,
    DEGREE,
    DENOISING,
    GROUP,
    PLACE,
    TASTE,
    UNSEEN,
    USE,
    Contributions,
)

LITTLE = 0.05
"""Log odds below which a part says nothing to speak of."""
NAMED = 3
DAY = 86_400.0
Names = tuple[Sequence[object], Sequence[object]]


def explain_edge(
    src: Any,
    dst: Any,
    row: Mapping[str, Any],
    noise_level: float,
    *,
    found: Contributions | None = None,
    names: Names = ((), ()),
) -> list[str]:
    """Return sentences about the edge ``src`` - ``dst``, the most important first.

    A sentence says what its part adds to the log odds of being fake; one that speaks against the verdict begins with
    "Although".

    Args:
        row: fake_score, kind, common_friends, shared_items, degree_src, degree_dst, movement (as in edges.parquet),
            answered (whether there is a reverse edge), answer_gap (seconds between the two); each but fake_score may be
            missing or None.
        noise_level: the estimated share of fake edges in the whole graph.
        found: what each part added; None where the model does not tell, and then the evidence stands without a side.
        names: the ids of friends and of items in common.
    """
    score = float(row["fake_score"])
    level = f"the whole graph's level is {noise_level:.3f}"
    lines = [f"{src} - {dst}: fake_score {score:.3f}, {verdict_of(score, noise_level)} ({level})."]
    if row.get("kind") and score >= 0.5:
        lines.append(f"It looks most like {kind(row['kind']).sentence} ({row['kind']}).")
    facts = facts_of(row, names)
    if found is None:
        return lines + [f"{text[0].upper()}{text[1:]}." for text in facts.values()]
    for part, added in sorted(found.parts.items(), key=lambda each: -abs(each[1])):
        lines.append(_sentence(facts.get(part) or OTHERWISE[part], added, fake=score >= 0.5))
    summed = " ".join(f"{'+' if added >= 0 else '-'} {abs(added):.2f}" for added in found.parts.values())
    lines.append(f"Log odds: {found.base:.2f} for edges on average {summed} = {found.total:.2f}.")
    return lines


def evidence_words(row: Mapping[str, Any]) -> str:
    """Return the evidence of an edge in a few words, without a verdict; see ``explain_edge`` for ``row``."""
    facts = facts_of(row)
    return "; ".join(facts[part] for part in (PLACE, TASTE) if part in facts)


def _sentence(fact: str, added: float, *, fake: bool) -> str:
    if abs(added) < LITTLE:
        return f"Says little ({added:+.2f}): {fact}."
    side = "fake" if added > 0 else "real"
    if (added > 0) == fake:
        return f"Speaks for {side} ({added:+.2f}): {fact}."
    return f"Although this speaks for {side} ({added:+.2f}): {fact}."


def verdict_of(score: float, noise_level: float) -> str:
    """Return what a score means, in words."""
    if score >= 0.9:
        return "almost certainly fake"
    if score >= 0.5:
        return "more likely fake than real"
    if score >= 2 * noise_level:
        return "more likely real than fake, but more suspicious than most"
    return "probably real"


OTHERWISE = {
    PLACE: "where the two lie in the graph",
    DEGREE: "how many friends the two and their friends have",
    TASTE: "what the two use",
    USE: "how much the two and their friends use, and how alike",
    DENOISING: "how far denoising moves the two ends",
    ANSWERS: "how often the two are answered, and answer",
    GROUP: "whether one of the two is of a group that one hand made",
    ACCOUNTS: "how much the two look like accounts labelled fake",
    COMPANY: "how out of place the other edges of the two are",
    UNSEEN: "what networks make of it that never saw this edge",
}
"""What is said of a part without figures."""


def facts_of(row: Mapping[str, Any], names: Names = ((), ())) -> dict[str, str]:
    """Return what is known of each part, in words that take no side; see ``explain_edge``."""
    facts = {}
    friends, items = names
    if row.get("common_friends") is not None:
        count = int(row["common_friends"])
        facts[PLACE] = f"the two have {counted(count, 'friend')} in common{_listed(friends, count)}"
        if row.get("degree_src") is not None:
            facts[DEGREE] = f"the two have {int(row['degree_src']):,} and {int(row['degree_dst']):,} edges"
    if row.get("shared_items") is not None:
        count = int(row["shared_items"])
        facts[TASTE] = f"they share {counted(count, 'item')}{_listed(items, count)}"
    if row.get("movement") is not None:
        facts[DENOISING] = f"denoising moves the two ends {float(row['movement']):.2f} times as far as usual"
    if row.get("answered") is not None:
        facts[ANSWERS] = _answer(bool(row["answered"]), row.get("answer_gap"))
    return facts


def _answer(there: bool, gap: float | None) -> str:
    if not there:
        return "no edge leads back"
    if gap is None:
        return "an edge leads back"
    days = round(gap / DAY)
    return f"an edge leads back, {counted(days, 'day') if days else 'less than a day'} apart"


def counted(count: int, word: str) -> str:
    """Return how many there are, in words: no item, 1 item, 2 items."""
    return f"{count or 'no'} {word}{'' if count <= 1 else 's'}" if count < 1000 else f"{count:,} {word}s"


def _listed(names: Sequence[object], count: int) -> str:
    if not names:
        return ""
    shown = ", ".join(map(str, names[:NAMED]))
    return f" ({shown}{f' and {count - NAMED} more' if count > NAMED else ''})"

"""Say in words why an edge got its score, from the evidence that lies beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recdiff.fakes.kinds import kind

LITTLE, MUCH = 0.9, 1.1
"""Between these a movement is nothing to speak of."""


def explain_edge(src: Any, dst: Any, row: Mapping[str, Any], noise_level: float) -> list[str]:
    """Return sentences about the edge ``src`` - ``dst``, the most important first.

    Args:
        row: fake_score, kind, common_friends, shared_items, degree_src, degree_dst, movement (as in edges.parquet),
            each but fake_score may be missing or None.
        noise_level: the estimated share of fake edges in the whole graph.
    """
    score = float(row["fake_score"])
    lines = [f"{src} - {dst}: fake_score {score:.3f}, {_verdict(score, noise_level)}."]
    if row.get("kind") and score >= 0.5:
        lines.append(f"It looks most like {kind(row['kind']).sentence} ({row['kind']}).")
    if row.get("common_friends") is not None:
        lines.append(_friends(int(row["common_friends"]), row.get("degree_src"), row.get("degree_dst")))
    if row.get("shared_items") is not None:
        lines.append(_items(int(row["shared_items"])))
    if row.get("movement") is not None:
        lines.append(_movement(float(row["movement"])))
    return lines


def _verdict(score: float, noise_level: float) -> str:
    level = f"the whole graph's level is {noise_level:.3f}"
    if score >= 0.9:
        return f"almost certainly fake ({level})"
    if score >= 0.5:
        return f"more likely fake than real ({level})"
    if score >= 2 * noise_level:
        return f"more likely real than fake, but more suspicious than most ({level})"
    return f"probably real ({level})"


def _friends(common: int, degree_src: Any, degree_dst: Any) -> str:
    degrees = "" if degree_src is None else f", of {int(degree_src):,} and {int(degree_dst):,}"
    if common == 0:
        return f"The two have no friend in common{degrees}."
    return f"The two have {common:,} {'friend' if common == 1 else 'friends'} in common{degrees}."


def _items(shared: int) -> str:
    if shared == 0:
        return "They share no item."
    return f"They share {shared:,} {'item' if shared == 1 else 'items'}."


def _movement(movement: float) -> str:
    if movement > MUCH:
        return f"Denoising moves the two ends {movement:.2f} times as far as usual: they sit at odd places."
    if movement < LITTLE:
        return f"Denoising moves the two ends only {movement:.2f} times as far as usual: they sit where one expects."
    return f"Denoising moves the two ends about as far as usual ({movement:.2f} times)."


def evidence_words(row: Mapping[str, Any]) -> str:
    """Return the evidence of an edge in a few words, without a verdict; see ``explain_edge`` for ``row``."""
    said = []
    if row.get("common_friends") is not None:
        said.append(_friends(int(row["common_friends"]), row.get("degree_src"), row.get("degree_dst")))
    if row.get("shared_items") is not None:
        said.append(_items(int(row["shared_items"])))
    return " ".join(said)

"""Whether what came since a fit still looks like what it was fitted on: when the next fit is due.

Scores of new edges are held against those of the fitted ones by the earth mover's distance, the area between the two
distributions: how far scores lie apart on the mean. Unlike the stability index over tenths it does not mind a shift of
a thousandth where most scores are alike. The Kolmogorov-Smirnov test says whether so few edges would lie apart by
chance. All of it is of everything since the fit, not of the last update alone.

Letters: E edges fitted, B edges since.
"""

from __future__ import annotations

from typing import Any

from scipy.stats import ks_2samp, wasserstein_distance

from recdiff.arrays import Float32
from recdiff.model.fitted import Fitted
from recdiff.update.given import Given

NOTED = "updates"
"""Where a model's calibration says what has come since the fit."""
MOST_UNKNOWN = 0.3
"""Share of the ends of new edges that are of users whom the fit did not know."""
MOST_APART = 0.1
"""Distance between scores."""
SUREST = 1e-3
"""Chance below which a difference is not put down to few edges."""
MOST_ADDED = 0.1
"""Edges since the fit, as a share of those fitted."""
LEAST_EDGES = 50


def drift_of(before: Fitted, after: Fitted, given: Given) -> dict[str, Any]:
    """Return what has come since the fit, how far it is from what was fitted, and why a fit is due, where one is.

    Args:
        before, after: the model without and with what is ``given``.

    Returns:
        updates, edges, users, interactions: how many came since the fit. fitted_edges: how many were there then.
        last: edges, users and interactions of this update alone, and by kind what was left out of it.
        unknown_share: of the ends of new edges, those of users who came with the same update. distance: between their
        scores and the fitted edges', chance: of scores being so different by chance; None of fewer edges than
        ``LEAST_EDGES``. due: reasons for a fit, in words.
    """
    told = before.calibration.get(NOTED) or {}
    fitted = told.get("fitted_edges", len(before.edges))
    scores = after.scores
    found: dict[str, Any] = {
        "updates": told.get("updates", 0) + 1,
        "fitted_edges": fitted,
        "edges": len(scores) - fitted,
        "users": told.get("users", 0) + len(given.new_users),
        "interactions": told.get("interactions", 0) + len(given.events),
        "unknown_ends": told.get("unknown_ends", 0) + given.unknown,
    }
    found["last"] = {
        "edges": len(given.edges),
        "users": len(given.new_users),
        "interactions": len(given.events),
        "left_out": {notice.kind: notice.count for notice in given.notices},
    }
    found["unknown_share"] = found["unknown_ends"] / max(2 * found["edges"], 1)
    found |= compared(scores[:fitted], scores[fitted:])
    return {**found, "due": _reasons(found)}


def compared(fitted: Float32, since: Float32) -> dict[str, float | None]:
    """Return distance and chance of the scores ``since`` (B,) against those ``fitted`` (E,)."""
    if len(since) < LEAST_EDGES:
        return {"distance": None, "chance": None}
    test = ks_2samp(fitted, since, method="asymp")
    return {"distance": float(wasserstein_distance(fitted, since)), "chance": float(test.pvalue)}


def _reasons(found: dict[str, Any]) -> list[str]:
    reasons = []
    added, unknown = found["edges"] / found["fitted_edges"], found["unknown_share"]
    if added > MOST_ADDED:
        reasons.append(f"{added:.0%} of edges have come since the fit, more than {MOST_ADDED:.0%}")
    if unknown > MOST_UNKNOWN and found["edges"] >= LEAST_EDGES:
        reasons.append(f"{unknown:.0%} of the ends of new edges are of new users, more than {MOST_UNKNOWN:.0%}")
    if found["distance"] is not None and found["distance"] > MOST_APART and found["chance"] < SUREST:
        reasons.append(
            f"scores of new edges lie {found['distance']:.2f} from those of fitted ones, more than {MOST_APART}"
        )
    return reasons

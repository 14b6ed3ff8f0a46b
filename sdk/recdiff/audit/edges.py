"""An audit of a fitted model's edges, and the model that its answers lead to. Letters: E edges, B answers."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import expit

from recdiff.arrays import Float64, Int64, Mask
from recdiff.audit.estimate import Answers, Share
from recdiff.audit.sheet import Units
from recdiff.metrics.odds import odds_of
from recdiff.model.explanation import evidence_words
from recdiff.model.fitted import Fitted
from recdiff.model.told import FAKE, REAL, SILENT, Told, overlaid

HEX = 16


@dataclass(frozen=True)
class Found:
    """What an audit found: the share of fakes, and that among edges with a score of ``threshold`` or more."""

    share: Share
    threshold: float
    precision: Share | None
    fake: int


def edge_units(fitted: Fitted) -> Units:
    """Return the fitted edges as what can be audited."""
    pairs = fitted.pairs
    ids = {
        name: fitted.users.take(pairs[:, side]).cast(pa.string()).to_pylist()
        for side, name in enumerate(("src", "dst"))
    }
    return Units(fingerprint(fitted), ids, blind_scores(fitted))


def blind_scores(fitted: Fitted) -> Float64:
    """Return the scores (E,) that the edges had before any audit."""
    blind = fitted.told.blind
    return np.asarray(fitted.scores if blind is None else blind, np.float64)


def fingerprint(fitted: Fitted) -> str:
    """Return a hash of users, edges and their scores before any audit: what an audit's draw depends on."""
    digest = hashlib.sha256(fitted.pairs.tobytes())
    digest.update(blind_scores(fitted).astype(np.float32).tobytes())
    digest.update("\0".join(fitted.users.values.cast(pa.string()).to_pylist()).encode())
    return digest.hexdigest()[:HEX]


def evidence_of(fitted: Fitted, rows: Int64) -> list[str]:
    """Return what is known of edges in a few words each."""
    return [evidence_words(row) for row in fitted.edges.take(pa.array(rows)).to_pylist()]


def audited(fitted: Fitted, rows: Int64, is_fake: Mask, threshold: float) -> tuple[Fitted, Found]:
    """Return the model with the answers to the edges ``rows`` (B,) taken in, and what they say.

    Answers of earlier audits of the same model count beside them; of two to one edge the later.
    """
    blind = blind_scores(fitted)
    said = overlaid(len(blind), fitted.told.answers)
    said[rows] = np.where(is_fake, FAKE, REAL)
    answered = np.flatnonzero(said != SILENT)
    answers = Answers(blind, answered, said[answered] == FAKE)
    share, (slope, intercept) = answers.share(), answers.recalibration()
    scores = expit(slope * odds_of(blind) + intercept).astype(np.float32)
    chosen = scores >= threshold
    found = Found(share, threshold, answers.precision(chosen), int(answers.is_fake.sum()))
    told = replace(fitted.told, answers=said, blind=blind.astype(np.float32))
    return _rescored(fitted, scores, told, (slope, intercept), found), found


def _rescored(
    fitted: Fitted, scores: np.ndarray[Any, Any], told: Told, change: tuple[float, float], found: Found
) -> Fitted:
    """Return the model with new scores of edges, and of new pairs by the same ``change`` of log odds."""
    before = fitted.calibration.get("audit", {}).get("before") or list(fitted.pair.calibration)
    slope, intercept = change
    pair = replace(fitted.pair, calibration=(slope * before[0], slope * before[1] + intercept))
    share, edges = found.share, fitted.edges
    place = edges.column_names.index("fake_score")
    old = dict(fitted.calibration["shares"])
    total = sum(old.values())
    factor = share.estimate / total if total else 0.0
    audit = {**asdict(found), "before": before, "slope": slope, "intercept": intercept}
    calibration = {
        **fitted.calibration,
        "shares": {kind: factor * each for kind, each in old.items()},
        "noise_level": share.estimate,
        "fake_share": {
            "low": share.low,
            "estimate": share.estimate,
            "high": share.high,
            "audited": True,
            "answers": share.answers,
        },
        "audit": audit,
    }
    return replace(
        fitted,
        edges=edges.set_column(place, "fake_score", pa.array(scores)),
        pair=pair,
        calibration=calibration,
        told=told,
    )

"""What labels say of fitted edges, and scores that match it. Letters: E edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from recdiff.arrays import Int64
from recdiff.data.dataset import SocialDataset
from recdiff.data.ids import as_ids
from recdiff.data.labels import SHOWN, Labels
from recdiff.data.notice import Notice, counted
from recdiff.data.problems import shorten
from recdiff.errors import DataError
from recdiff.graph.edge_index import EdgeIndex
from recdiff.metrics.odds import intercept_for_share, odds_of
from recdiff.model.told import SILENT, Verdicts
from recdiff.scorer.calibration import fit_logistic
from recdiff.scorer.fitted import Scorer


def known_edges(dataset: SocialDataset, labels: Labels) -> NDArray[np.int64]:
    """Return what ``labels`` say of each edge (E,): 1 fake, 0 real, -1 nothing.

    Raises:
        DataError: no labelled edge is part of the data.
    """
    return _known(dataset, labels, _rows(dataset, labels))


def _known(dataset: SocialDataset, labels: Labels, rows: Int64) -> Int64:
    """Return what ``labels`` about the edges ``rows`` (B,) say of each edge, (E,); see ``known_edges``."""
    known = np.full(len(dataset.edges), -1)
    known[rows[rows >= 0]] = labels.is_fake[rows >= 0]
    if (known < 0).all():
        raise DataError(
            f"labels: none of {len(rows) + labels.unknown} is an edge of the data"
            f"{_examples(_absent(dataset, labels, rows))}; "
            "label edges of the social file, with the same ids"
        )
    return known


def known_accounts(dataset: SocialDataset, ids: Any, is_fake: Any) -> Verdicts:
    """Return what is known of each user (U,): 1 fake, 0 real, -1 nothing.

    Args:
        ids: raw user ids; those that are not in the data are left out. is_fake: of each, whether it is fake.

    Raises:
        DataError: the two differ in length, none is a user of the data or none is fake, or one id is labelled both.
    """
    users, fake = dataset.users.index(as_ids(ids)), np.asarray(is_fake, bool)
    if len(users) != len(fake):
        raise DataError(f"account labels: {len(users)} ids and {len(fake)} labels; one label per id is needed")
    there = users >= 0
    known = np.full(len(dataset.users), SILENT, np.int8)
    known[users[there]] = fake[there]
    if (known[users[there]] != fake[there]).any():
        row = int(np.flatnonzero(there)[np.argmax(known[users[there]] != fake[there])])
        raise DataError(f"account labels: {shorten(ids[row])} is labelled both fake and real; keep one of the two")
    if not (known == 1).any():
        raise DataError(
            f"account labels: {int(there.sum())} of {len(users)} ids are users of the data, none of them fake; "
            "at least one fake account is needed"
        )
    return known


def label_notices(dataset: SocialDataset, labels: Labels) -> list[Notice]:
    """Return what is to be said of ``labels`` before a fit on ``dataset`` uses them: how few can be used, and for what.

    Raises:
        DataError: as ``known_edges``.
    """
    rows = _rows(dataset, labels)
    known = _known(dataset, labels, rows)
    absent = int((rows < 0).sum()) + labels.unknown
    text = f"labelled edges that are not in the data, left out: {{n}}{_examples(_absent(dataset, labels, rows))}"
    used, is_fake = rows[rows >= 0], labels.is_fake[rows >= 0]
    both = np.intersect1d(used[is_fake], used[~is_fake])
    shown = _examples([_named(dataset, pair) for pair in dataset.edges[both[:SHOWN]]])
    notices = counted("labels_not_in_data", absent, text)
    notices += counted(
        "labels_contradict", len(both), f"edges labelled both fake and real, the last row counts: {{n}}{shown}"
    )
    if not two_sorts(known):
        sort, other = ("fake", "real") if known.max() == 1 else ("real", "fake")
        notices += counted(
            "labels_of_one_sort",
            int((known >= 0).sum()),
            f"labels are all {sort}: {{n}}; they weigh in training; level and order of the scores need some that are "
            f"{other} too",
        )
    return notices


def two_sorts(known: NDArray[np.int64]) -> bool:
    """Say whether ``known`` (E,) has both fake and real edges."""
    return bool((known == 1).any() and (known == 0).any())


def _rows(dataset: SocialDataset, labels: Labels) -> NDArray[np.int64]:
    """Return which edge each label (B,) is about, -1 where the data have none such."""
    return EdgeIndex.of(dataset.graph).rows_of(labels.pairs)


def _absent(dataset: SocialDataset, labels: Labels, rows: Int64) -> list[str]:
    """Return a few labelled edges that the data do not have, in words."""
    between = labels.pairs[np.flatnonzero(rows < 0)[:SHOWN]]
    named = [f"{shorten(src)}, {shorten(dst)}" for src, dst in labels.strangers]
    return [*named, *(_named(dataset, pair) for pair in between)][:SHOWN]


def _named(dataset: SocialDataset, pair: NDArray[np.int64]) -> str:
    src, dst = (shorten(str(each)) for each in dataset.users.take(pair).to_pylist())
    return f"{src}, {dst}"


def _examples(edges: list[str]) -> str:
    return f" ({'; '.join(edges)})" if edges else ""


def recalibrated(scorer: Scorer, fake_share: float | None, known: NDArray[np.int64] | None) -> Scorer:
    """Return ``scorer`` with scores that match what is known of fitted edges, or a known share of fakes.

    The new score is sigmoid(a s + b) of the old one's log odds s; see ``calibration``. A known share that is given
    beside known edges has the last word. Known edges of one sort say nothing of the level.

    Args:
        known: (E,) as ``known_edges`` returns it, or None.

    Raises:
        UsageError: the share is not between 0 and 1.
    """
    if known is not None and not two_sorts(known):
        known = None
    if fake_share is None and known is None:
        return scorer
    odds = odds_of(scorer.edge_scores)
    slope, intercept = 1.0, 0.0
    if known is not None:
        told = known >= 0
        slope, intercept = fit_logistic(odds[told], known[told] == 1)
    if fake_share is not None:
        intercept = intercept_for_share(odds, fake_share, slope)
    scores = expit(slope * odds + intercept).astype(np.float32)
    ratio = scores / np.maximum(scorer.edge_scores, np.float32(1e-12))
    kinds = np.asarray(scorer.edge_kinds * ratio[:, None], np.float32)
    old_slope, old_intercept = scorer.pair.calibration
    pair = replace(scorer.pair, calibration=(slope * old_slope, slope * old_intercept + intercept))
    shares = {kind: float(share) for kind, share in zip(scorer.kinds, kinds.mean(axis=0), strict=True)}
    mean = fake_share if fake_share is not None else float(scores.mean())
    low, high = (mean, mean) if fake_share is not None else scorer.interval
    interval = min(low, mean), max(high, mean)
    return replace(scorer, pair=pair, edge_scores=scores, edge_kinds=kinds, shares=shares, interval=interval)

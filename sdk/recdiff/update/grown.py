"""A fitted model with new edges, users and interactions in it.

Letters: U users, I items, E edges fitted, B new edges, M touched users, N new interactions, V recommender width.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.arrays import Int64, Mask
from recdiff.config import Config
from recdiff.errors import UsageError
from recdiff.graph.social_graph import SocialGraph
from recdiff.model.fitted import Fitted
from recdiff.model.told import SILENT, Told
from recdiff.scorer.growth import Growth, column
from recdiff.scorer.pair_scorer import chance_of
from recdiff.update.drift import NOTED, drift_of
from recdiff.update.edges import edges_with
from recdiff.update.given import Given, held_against
from recdiff.update.larger import Larger
from recdiff.update.recommending import judged_with, recommender_with
from recdiff.update.scores import Scored, score_new

_log = logging.getLogger(__name__)


def growth_in(fitted: Fitted, config: Config) -> Growth:
    """Return what the model grows by.

    Raises:
        DataError: it has no scorer.
        UsageError: it is of preset paper, or of an earlier version's fit.
    """
    fitted.require_scores()
    if config.preset == "paper":
        raise UsageError("preset paper takes no updates; fit again, or fit with preset default")
    if fitted.growth is None or "columns" not in fitted.calibration:
        raise UsageError("this model was fitted by an earlier version, which kept nothing to grow by; fit again")
    return fitted.growth


def updated(
    fitted: Fitted, config: Config, edges: Any, interactions: Any, mapping: Mapping[str, str] | None = None
) -> tuple[Fitted, Given]:
    """Return the model with new ``edges`` and ``interactions`` in it, itself where nothing is new, and what was given.

    Args: see ``given.held_against``.

    Raises:
        DataError, UsageError: as ``held_against`` and ``growth_in``, or neither is given.
    """
    if edges is None and interactions is None:
        raise UsageError("an update needs edges, interactions or both")
    growth_in(fitted, config)
    given = held_against(fitted, edges, interactions, mapping)
    for each in given.notices:
        _log.info("%s", each)
    return (fitted if given.empty else grown(fitted, config, given)), given


def grown(fitted: Fitted, config: Config, given: Given) -> Fitted:
    """Return the model with what is ``given`` in it; the scores of its edges stay.

    Raises:
        DataError, UsageError: as ``growth_in``.
    """
    growth = growth_in(fitted, config)
    users, place = len(given.users), given.place
    seen, trained = (_with_events(getattr(fitted, name), given) for name in ("seen", "trained"))
    bought = np.unique(given.events[:, 0])
    spans = {name: (int(first), int(last)) for name, (first, last) in fitted.calibration["columns"].items()}
    table = _spread(fitted.table, place, users)
    used = np.expm1(column(fitted.table, spans, "items").astype(np.float64)).sum() if "items" in spans else 0.0
    times = fitted.edge_times
    if times is not None:
        times = np.append(times, np.full(len(given.edges), np.nan) if given.times is None else given.times)
    larger = Larger(
        graph=SocialGraph(np.concatenate([place[fitted.pairs], given.edges]), users, fitted.directed),
        times=times,
        fitted=len(fitted.edges),
        known=_there(place, users),
        users=bought,
        used=seen[bought],
        fraction=float(used / max(fitted.seen.nnz, 1)),
        at=spans,
        table=table,
        growth=growth,
    )
    scored = score_new(larger, fitted.pair, config.scorer)
    table[larger.touched] = scored.table
    social = fitted.social
    if fitted.denoiser is not None:
        social = _spread(fitted.social, place, users)
        social[larger.touched] = scored.latent
    made = replace(
        fitted,
        users=given.users,
        edges=edges_with(fitted, larger, scored, seen, social, times=given.times),
        table=table,
        social=social,
        recommender=recommender_with(fitted, given, larger, trained),
        judged=judged_with(fitted, given),
        trained=trained,
        seen=seen,
        told=_told(fitted, given, scored),
        growth=replace(growth, weight=np.concatenate([growth.weight, scored.weight])),
    )
    return replace(made, calibration={**fitted.calibration, NOTED: drift_of(fitted, made, given)})


def _spread(rows: NDArray[Any], place: Int64, users: int, empty: float = 0) -> NDArray[Any]:
    """Return ``rows`` (U', ...) of the model's users at their ``place`` among all ``users``, ``empty`` elsewhere."""
    found = np.full((users, *rows.shape[1:]), empty, rows.dtype)
    found[place] = rows
    return found


def _there(place: Int64, users: int) -> Mask:
    return np.bincount(place, minlength=users) > 0


def _with_events(matrix: sp.csr_matrix, given: Given) -> sp.csr_matrix:
    """Return interactions (U, I) with the new ones among them."""
    users, count = len(given.users), np.zeros(len(given.users), np.int64)
    count[given.place] = np.diff(matrix.indptr)
    shape = users, matrix.shape[1]
    old = sp.csr_matrix((matrix.data, matrix.indices, np.append(0, np.cumsum(count))), shape=shape)
    ones = np.ones(len(given.events), np.float32)
    new = sp.csr_matrix((ones, (given.events[:, 0], given.events[:, 1])), shape=shape)
    found = sp.csr_matrix(old + new)
    found.data[:] = 1.0
    found.sort_indices()
    return found


def _told(fitted: Fitted, given: Given, scored: Scored) -> Told:
    """Return what people said, of new edges and users nothing; those have a score before an audit too."""
    told, fresh = fitted.told, len(given.edges)
    found: dict[str, Any] = {}
    for name in ("labels", "decided", "answers"):
        if (said := getattr(told, name)) is not None:
            found[name] = np.append(said, np.full(fresh, SILENT, said.dtype))
    for name in ("accounts", "decided_accounts", "account_answers"):
        if (said := getattr(told, name)) is not None:
            found[name] = _spread(said, given.place, len(given.users), SILENT)
    if told.blind is not None:
        slope, intercept = fitted.calibration["audit"]["before"]
        found["blind"] = np.append(told.blind, chance_of(scored.odds, (slope, intercept)))
    return Told(**found)

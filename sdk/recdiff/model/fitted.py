"""What a fit leaves behind.

Letters: U users, I items, E fitted edges, B pairs, D embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recdiff.accounts.scores import Accounts, Evidence, judge_accounts, recalibrated
from recdiff.arrays import Float32, Float64, Half, Int64
from recdiff.blend.blend import Blend
from recdiff.config import Config
from recdiff.data.ids import Ids
from recdiff.diffusion.folded import FoldedDenoiser
from recdiff.errors import DataError
from recdiff.graph.edge_index import EdgeIndex
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.ranking import Score, by_tables
from recdiff.model import edge_table as evidence_table
from recdiff.model.arrays import (
    blend_of,
    denoiser_arrays,
    folded,
    interactions,
    pair_arrays,
    pair_scorer,
    pair_settings,
)
from recdiff.model.folder import Artifact, above, below
from recdiff.model.told import Told
from recdiff.notebook import sentence
from recdiff.recommender.fit import Recommender
from recdiff.scorer.growth import Growth
from recdiff.scorer.pair_scorer import PairScorer


@dataclass(frozen=True, eq=False)
class Fitted:
    """Everything a fitted model is made of.

    Attributes:
        users, items: raw ids by position.
        edges: fitted edges: src, dst (positions), fake_score (out of fold), kind and evidence columns.
        directed, mirrored: as in the data set.
        pair, table: the pair scorer and its (U, F) table of the whole graph.
        denoiser: None where the fit had none; social: (U, D), the embeddings it denoises.
        recommender: None without interactions.
        judged: user table (U, D) and item table (I, D) that learned from training interactions alone, where the
            recommender learned from all; None: the recommender's own.
        blend: members beside the recommender, that learned from what it learned from; None: it is alone.
        judged_blend: the same, that learned from training interactions alone, where ``judged`` is given.
        trained: (U, I) interactions that the recommender learned from; seen: (U, I) all known ones.
        calibration: kinds, shares, noise_level, and fake_share: low, estimate, high, audited; or unscored: why edges
            have no scores; rows_left_out: how many rows of which file were left out, where some were.
        metrics, history: JSON-able.
        told: what people said of edges and accounts.
        growth: what ``update`` makes rows of further users from; None without a scorer, or of an earlier version's fit.
    """

    users: Ids
    items: Ids
    edges: pa.Table
    directed: bool
    mirrored: bool
    pair: PairScorer
    table: Half
    denoiser: FoldedDenoiser | None
    social: Float32
    recommender: Recommender | None
    judged: tuple[Float32, Float32] | None
    trained: sp.csr_matrix
    seen: sp.csr_matrix
    calibration: dict[str, Any]
    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    told: Told = field(default_factory=Told)
    growth: Growth | None = None
    blend: Blend | None = None
    judged_blend: Blend | None = None

    def counts(self) -> dict[str, int]:
        """Return how many users, items and edges there are."""
        return {"users": len(self.users), "items": len(self.items), "edges": len(self.edges)}

    def __repr__(self) -> str:
        return f"Fitted({sentence(self.counts())})"

    def judged_score(self, train: sp.csr_matrix) -> Score | None:
        """Return the scores to judge by held-out interactions, given those to train on (U, I); None without any."""
        if self.recommender is None:
            return None
        own = by_tables(*(self.judged or (self.recommender.user_table, self.recommender.item_table)))
        blend = self.blend if self.judged is None else self.judged_blend
        return own if blend is None else blend.over(own, train)

    def require_scores(self) -> None:
        """Refuse a model that has no scorer.

        Raises:
            DataError: it is one; the message says why.
        """
        if "unscored" in self.calibration:
            raise DataError(f"this model scores no edges: {self.calibration['unscored']}; it recommends as usual")

    @property
    def scores(self) -> Float32:
        """Fake scores of the fitted edges, (E,), each out of its fold.

        Raises:
            DataError: the model has no scorer.
        """
        self.require_scores()
        return np.asarray(self.edges["fake_score"].to_numpy(), np.float32)

    @property
    def pairs(self) -> Int64:
        """The fitted edges by position, (E, 2)."""
        return np.stack([self.edges["src"].to_numpy(), self.edges["dst"].to_numpy()], axis=1)

    @property
    def graph(self) -> SocialGraph:
        """The graph of the fitted edges."""
        return SocialGraph(self.pairs, len(self.users), self.directed)

    @cached_property
    def _index(self) -> EdgeIndex:
        return EdgeIndex.of(self.graph)

    @property
    def edge_times(self) -> Float64 | None:
        """When each edge came about, (E,), in seconds, nan where unknown; or None."""
        return self.edges["tied_at"].to_numpy() if "tied_at" in self.edges.column_names else None

    @cached_property
    def account_evidence(self) -> Evidence:
        """What account scores are computed from."""
        told = self.told.known_accounts()
        known = None if told is None else told.astype(np.int64)
        return Evidence(self.graph, self.scores, self.seen, times=self.edge_times, known=known)

    @cached_property
    def blind_accounts(self) -> Accounts:
        """All accounts as they were before any audit, of edges or of accounts."""
        blind, evidence = self.told.blind, self.account_evidence
        return judge_accounts(evidence if blind is None else replace(evidence, scores=blind))

    @cached_property
    def accounts(self) -> Accounts:
        """All accounts with their scores and groups; an audit of accounts has the last word."""
        audit, evidence = self.calibration.get("account_audit"), self.account_evidence
        if audit is not None:
            return recalibrated(self.blind_accounts, audit["slope"], audit["intercept"], evidence)
        return self.blind_accounts if self.told.blind is None else judge_accounts(evidence)

    def rows_of(self, pairs: Int64) -> Int64:
        """Return the row in ``edges`` of each pair (B, 2), -1 for pairs that are no fitted edge."""
        return self._index.rows_of(pairs)

    def score_pairs(self, pairs: Int64) -> Float32:
        """Return fake scores (B,): out of fold for fitted edges, from the whole graph's table for others."""
        rows = self.rows_of(pairs)
        scores = self.scores[np.maximum(rows, 0)]
        new = np.flatnonzero(rows < 0)
        scores[new] = self.pair.score(self.table, pairs[new])[0]
        return scores

    def evidence_of(self, pair: Int64) -> dict[str, Any]:
        """Return fake_score, kind and evidence of one pair (1, 2)."""
        self.require_scores()
        row = int(self.rows_of(pair)[0])
        if row >= 0:
            return dict(self.edges.slice(row, 1).to_pylist()[0])
        score, kinds = self.pair.score(self.table, pair)
        counts = evidence_table.counts(pair, self.graph, self.seen)
        kind = self.calibration["kinds"][int(kinds[0].argmax())]
        return {"fake_score": float(score[0]), "kind": kind} | {name: value[0] for name, value in counts.items()}

    def to_artifact(self, config: Config) -> Artifact:
        """Return the model folder's content."""
        arrays: dict[str, NDArray[Any]] = {}
        for name in ("trained", "seen"):
            matrix = getattr(self, name)
            arrays |= {f"{name}/indptr": matrix.indptr, f"{name}/items": matrix.indices}
        arrays |= above("scorer", {"table": self.table, **pair_arrays(self.pair)})
        if self.recommender is not None:
            arrays |= above("recommender", self.recommender.to_arrays())
        if self.judged is not None:
            arrays |= above("judged", dict(zip(("users", "items"), self.judged, strict=True)))
        arrays |= above("told", self.told.to_arrays())
        if self.growth is not None:
            arrays |= above("growth", self.growth.to_arrays())
        for name, blend in (("blend", self.blend), ("judged-blend", self.judged_blend)):
            arrays |= above(name, {} if blend is None else blend.to_arrays())
        calibration = {**self.calibration, "directed": self.directed, "mirrored": self.mirrored}
        calibration["pair"] = pair_settings(self.pair)
        if self.blend is not None:
            calibration["blend"] = self.blend.plain()
        if self.denoiser is not None:
            arrays |= above("denoiser", {"social": self.social, **denoiser_arrays(self.denoiser)})
            calibration["denoiser"] = {"activation": self.denoiser.activation, "normalise": self.denoiser.normalise}
        return Artifact(
            config=config,
            users=self.users,
            items=self.items,
            arrays=arrays,
            edges=self.edges,
            calibration=calibration,
            metrics=self.metrics,
            history=self.history,
        )

    @classmethod
    def of_artifact(cls, artifact: Artifact) -> Fitted:
        """Return what ``to_artifact`` wrote down."""
        arrays, calibration = artifact.arrays, dict(artifact.calibration)
        scorer, recommender, denoiser = (below(part, arrays) for part in ("scorer", "recommender", "denoiser"))
        judged, growth = below("judged", arrays), below("growth", arrays)
        plain = calibration.pop("blend", None)
        shape = (len(artifact.users), len(artifact.items))
        trained, seen = (interactions(below(name, arrays), shape) for name in ("trained", "seen"))
        return cls(
            users=artifact.users,
            items=artifact.items,
            edges=artifact.edges,
            directed=calibration.pop("directed"),
            mirrored=calibration.pop("mirrored"),
            pair=pair_scorer(calibration.pop("pair"), scorer),
            table=scorer["table"],
            denoiser=folded(calibration.pop("denoiser"), denoiser) if denoiser else None,
            social=denoiser.get("social", np.empty((0, 0), np.float32)),
            recommender=Recommender.from_arrays(recommender) if recommender else None,
            judged=(judged["users"], judged["items"]) if judged else None,
            blend=blend_of(plain, "blend", arrays),
            judged_blend=blend_of(plain if judged else None, "judged-blend", arrays),
            trained=trained,
            seen=seen,
            calibration=calibration,
            metrics=dict(artifact.metrics),
            history=list(artifact.history),
            told=Told.from_arrays(below("told", arrays)),
            growth=Growth.from_arrays(growth) if growth else None,
        )

"""A whole fit, stage by stage, and what it leaves behind.

    scorer      fake scores of all edges, out of fold                    (scorer)
    recommender user and item tables, epoch chosen on validation         (recommender, or fit for preset "paper")
    judgement   ranking on validation and test, baselines beside it      (judgement)

Letters: U users, I items, E fitted edges, B pairs, D embedding width.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from scipy.special import expit

from recdiff import evidence_table
from recdiff.artifact import Artifact, above, below
from recdiff.calibration import fit_logistic, intercept_for_share
from recdiff.checkpoint import Checkpoint
from recdiff.config import Config
from recdiff.cores import cores
from recdiff.dataset import SocialDataset
from recdiff.denoiser import FoldedDenoiser, fold
from recdiff.descent import Trainer
from recdiff.device import resolve_device
from recdiff.diffusion import Schedule
from recdiff.edge_index import EdgeIndex
from recdiff.errors import DataError, UsageError
from recdiff.fit import fit_paper
from recdiff.graph import social_adjacency
from recdiff.ids import Ids
from recdiff.judgement import judge, validation_score
from recdiff.labels import Labels
from recdiff.pairs import PairScorer, PairTerm
from recdiff.progress import Report, silent
from recdiff.recommender import Recommender, fit_recommender
from recdiff.scorer import Scorer, fit_scorer

Half = NDArray[np.float16]
Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Engine = Literal["local", "ray"]

FEWEST_KNOWN = 20
"""Known fakes, and known real ties, that a network is taught; fewer only calibrate."""
SMALLEST_CHANCE = 1e-7


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
        trained: (U, I) training interactions; seen: (U, I) all known ones.
        calibration: kinds, shares, noise_level.
        metrics, history: JSON-able.
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
    trained: sp.csr_matrix
    seen: sp.csr_matrix
    calibration: dict[str, Any]
    metrics: dict[str, Any]
    history: list[dict[str, Any]]

    @property
    def pairs(self) -> Int64:
        """The fitted edges by position, (E, 2)."""
        return np.stack([self.edges["src"].to_numpy(), self.edges["dst"].to_numpy()], axis=1)

    @cached_property
    def _index(self) -> EdgeIndex:
        return EdgeIndex.of(self.pairs, len(self.users), self.directed)

    def rows_of(self, pairs: Int64) -> Int64:
        """Return the row in ``edges`` of each pair (B, 2), -1 for pairs that are no fitted edge."""
        return self._index.rows_of(pairs)

    def score_pairs(self, pairs: Int64) -> Float32:
        """Return fake scores (B,): out of fold for fitted edges, from the whole graph's table for others."""
        rows = self.rows_of(pairs)
        scores = np.asarray(self.edges["fake_score"].to_numpy(), np.float32)[np.maximum(rows, 0)].copy()
        new = np.flatnonzero(rows < 0)
        scores[new] = self.pair.score(self.table, pairs[new])[0]
        return scores

    def evidence_of(self, pair: Int64) -> dict[str, Any]:
        """Return fake_score, kind and evidence of one pair (1, 2)."""
        row = int(self.rows_of(pair)[0])
        if row >= 0:
            return dict(self.edges.slice(row, 1).to_pylist()[0])
        score, kinds = self.pair.score(self.table, pair)
        counts = evidence_table.counts(pair, self.pairs, len(self.users), self.directed, self.seen)
        kind = self.calibration["kinds"][int(kinds[0].argmax())]
        return {"fake_score": float(score[0]), "kind": kind} | {name: value[0] for name, value in counts.items()}

    def to_artifact(self, config: Config) -> Artifact:
        """Return the model folder's content."""
        arrays: dict[str, NDArray[Any]] = {}
        for name in ("trained", "seen"):
            matrix = getattr(self, name)
            arrays |= {f"{name}/indptr": matrix.indptr, f"{name}/items": matrix.indices}
        arrays |= above("scorer", {"table": self.table, **_pair_arrays(self.pair)})
        if self.recommender is not None:
            arrays |= above("recommender", self.recommender.to_arrays())
        calibration = {**self.calibration, "directed": self.directed, "mirrored": self.mirrored}
        calibration["pair"] = _pair_settings(self.pair)
        if self.denoiser is not None:
            arrays |= above("denoiser", {"social": self.social, **_denoiser_arrays(self.denoiser)})
            calibration["denoiser"] = {"activation": self.denoiser.activation, "normalise": self.denoiser.normalise}
        return Artifact(config, self.users, self.items, arrays, self.edges, calibration, self.metrics, self.history)

    @classmethod
    def of_artifact(cls, artifact: Artifact) -> Fitted:
        """Return what ``to_artifact`` wrote down."""
        arrays, calibration = artifact.arrays, dict(artifact.calibration)
        scorer, recommender, denoiser = (below(part, arrays) for part in ("scorer", "recommender", "denoiser"))
        shape = (len(artifact.users), len(artifact.items))
        trained, seen = (_interactions(below(name, arrays), shape) for name in ("trained", "seen"))
        return cls(
            artifact.users,
            artifact.items,
            artifact.edges,
            calibration.pop("directed"),
            calibration.pop("mirrored"),
            _pair_scorer(calibration.pop("pair"), scorer),
            scorer["table"],
            _folded(calibration.pop("denoiser"), denoiser) if denoiser else None,
            denoiser.get("social", np.empty((0, 0), np.float32)),
            Recommender.from_arrays(recommender) if recommender else None,
            trained,
            seen,
            calibration,
            dict(artifact.metrics),
            list(artifact.history),
        )


def fit_all(
    config: Config,
    dataset: SocialDataset,
    labels: Labels | None = None,
    checkpoints: Path | None = None,
    report: Report = silent,
    engine: Engine = "local",
    workers: int | None = None,
) -> Fitted:
    """Fit scorer and recommender on ``dataset`` and judge them.

    Args:
        engine: "ray" trains the default preset's recommender on a Ray cluster, the scorer here; ``checkpoints`` is
            then a folder that every node sees.
        workers: of the Ray cluster; by default one per card, or one per node with all its cores.

    Raises:
        UsageError: engine "ray" without Ray, without ``checkpoints``, with preset "paper", without interactions or
            with more workers than the cluster has room for; workers without it.
        DeviceError: for device "cuda" where there is none.
        DataError: where there are too few edges to learn from.
        ArtifactError: the checkpoints are of another configuration or other data.
    """
    # Before the scorer is fitted, so that what is wrong with a cluster costs no fit.
    with _trainer(engine, workers, config, dataset, checkpoints) as trainer:
        return _fit_stages(config, dataset, labels, checkpoints, trainer, report)


@contextmanager
def _trainer(
    engine: Engine, workers: int | None, config: Config, dataset: SocialDataset, folder: Path | None
) -> Iterator[Trainer | None]:
    """Yield what trains on a cluster; None for the local engine."""
    if engine == "local":
        if workers is not None:
            raise UsageError(f"workers = {workers}: only engine ray has workers")
        yield None
        return
    if config.preset == "paper":
        raise UsageError("engine ray trains the default recommender; preset paper needs engine local")
    if dataset.train.nnz == 0:
        raise UsageError("engine ray trains the recommender, and these data have no interactions; use engine local")
    if folder is None:
        raise UsageError("engine ray needs a folder for checkpoints that every node sees")
    from recdiff.ray_train import ray_trainer

    with ray_trainer(folder, config.device, workers) as trainer:
        yield trainer


def _fit_stages(
    config: Config,
    dataset: SocialDataset,
    labels: Labels | None,
    checkpoints: Path | None,
    trainer: Trainer | None,
    report: Report,
) -> Fitted:
    # The card of a fit on a cluster need not be in this machine.
    device = resolve_device("auto" if trainer and config.device == "cuda" else config.device)
    torch.set_num_threads(min(torch.get_num_threads(), cores()))
    checkpoint = None if checkpoints is None else Checkpoint(checkpoints / "fit", fingerprint(config, dataset))
    train = dataset.train if dataset.train.nnz else None
    known = None if labels is None else known_edges(dataset, labels)
    enough = known is not None and min((known == 1).sum(), (known == 0).sum()) >= FEWEST_KNOWN
    graph = dataset.edges, len(dataset.users), train, dataset.directed
    scorer = fit_scorer(*graph, config.scorer, config.seed, report, known if enough else None, device)
    scorer = recalibrated(scorer, config.fake_share, known)
    edges = evidence_table.edge_table(dataset, scorer)
    denoiser, social = scorer.denoiser, scorer.latent
    recommender: Recommender | None = None
    history: list[dict[str, Any]] = []
    if train is not None and config.preset == "paper":
        recommender, denoiser, social, history = _fit_published(config, dataset, device, checkpoint, report)
    elif train is not None:
        made = fit_recommender(
            config.recommender,
            train,
            dataset.edges,
            dataset.directed,
            dataset.validation,
            config.seed,
            device=device,
            checkpoint=None if checkpoint is None else checkpoint.stage("recommender"),
            trainer=trainer,
            report=report,
        )
        recommender, history = made.recommender, list(made.history)
    fitted = Fitted(
        dataset.users,
        dataset.items,
        edges,
        dataset.directed,
        dataset.mirrored,
        scorer.pair,
        scorer.table,
        denoiser,
        social,
        recommender,
        dataset.train,
        sp.csr_matrix(dataset.train + dataset.validation + dataset.test),
        {"kinds": list(scorer.kinds), "shares": scorer.shares, "noise_level": scorer.fake_share},
        {},
        history,
    )
    if recommender is None:
        return fitted
    metrics = judge(recommender.user_table, recommender.item_table, dataset, config.seed)
    return replace(fitted, metrics=metrics)


def known_edges(dataset: SocialDataset, labels: Labels) -> NDArray[np.int64]:
    """Return what ``labels`` say of each edge (E,): 1 fake, 0 real, -1 nothing.

    Raises:
        DataError: no labelled edge is part of the data, or the labels are all the same.
    """
    rows = EdgeIndex.of(dataset.edges, len(dataset.users), dataset.directed).rows_of(labels.pairs)
    known = np.full(len(dataset.edges), -1)
    known[rows[rows >= 0]] = labels.is_fake[rows >= 0]
    fake, real = int((known == 1).sum()), int((known == 0).sum())
    if not fake or not real:
        raise DataError(
            f"labels: {fake + real} of {len(rows)} are edges of the data, {fake} of them fake; "
            "real and fake ones are needed"
        )
    return known


def recalibrated(scorer: Scorer, fake_share: float | None, known: NDArray[np.int64] | None) -> Scorer:
    """Return ``scorer`` with scores that match what is known of fitted edges, or a known share of fakes.

    The new score is sigmoid(a s + b) of the old one's log odds s; see ``calibration``. A known share that is given
    beside known edges has the last word.

    Args:
        known: (E,) as ``known_edges`` returns it, or None.

    Raises:
        UsageError: the share is not between 0 and 1.
    """
    if fake_share is None and known is None:
        return scorer
    chance = np.clip(scorer.edge_scores.astype(np.float64), SMALLEST_CHANCE, 1 - SMALLEST_CHANCE)
    odds = np.log(chance / (1 - chance))
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
    return replace(scorer, pair=pair, edge_scores=scores, edge_kinds=kinds, shares=shares)


def fingerprint(config: Config, dataset: SocialDataset) -> str:
    """Return a hash of configuration and data, which a checkpoint is tied to."""
    digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode())
    for matrix in (dataset.train, dataset.validation):
        digest.update(matrix.indptr)
        digest.update(matrix.indices)
    digest.update(dataset.edges.tobytes())
    return digest.hexdigest()


def _fit_published(
    config: Config, dataset: SocialDataset, device: torch.device, checkpoint: Checkpoint | None, report: Report
) -> tuple[Recommender, FoldedDenoiser | None, Float32, list[dict[str, Any]]]:
    social = social_adjacency(dataset.edges, len(dataset.users), dataset.directed)
    model, graphs, history = fit_paper(
        config.paper,
        dataset.train,
        social,
        validation_score(dataset.train, dataset.validation, config.seed),
        config.seed,
        device=device,
        checkpoint=None if checkpoint is None else checkpoint.stage("published"),
        report=report,
    )
    users, items, embeddings = (part.cpu().numpy() for part in model.embeddings(graphs))
    denoiser = fold(model.denoiser, model.schedule) if model.has_denoiser else None
    return Recommender.of_tables(users, items, dataset.train, social), denoiser, embeddings, history


def _interactions(arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int]) -> sp.csr_matrix:
    items = arrays["items"]
    return sp.csr_matrix((np.ones(len(items), np.float32), items, arrays["indptr"]), shape=shape)


def _pair_arrays(pair: PairScorer) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"mean": pair.mean, "scale": pair.scale, "offset": pair.offset}
    return arrays | _layer_arrays(pair.layers)


def _pair_settings(pair: PairScorer) -> dict[str, Any]:
    terms = [term.plain() for term in pair.terms]
    return {"terms": terms, "clip": pair.clip, "calibration": list(pair.calibration)}


def _pair_scorer(settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> PairScorer:
    terms = tuple(PairTerm.read(plain) for plain in settings["terms"])
    slope, intercept = settings["calibration"]
    layers = _layers(arrays)
    return PairScorer(
        terms, arrays["mean"], arrays["scale"], settings["clip"], layers, arrays["offset"], (slope, intercept)
    )


def _denoiser_arrays(denoiser: FoldedDenoiser) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"first": denoiser.first, "bias": denoiser.bias}
    return arrays | {"alpha_bar": denoiser.schedule.alpha_bar} | _layer_arrays(denoiser.further)


def _folded(settings: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> FoldedDenoiser:
    schedule = Schedule(arrays["alpha_bar"])
    activation, normalise = settings["activation"], settings["normalise"]
    return FoldedDenoiser(arrays["first"], arrays["bias"], _layers(arrays), activation, normalise, schedule)


def _layer_arrays(layers: tuple[tuple[Float32, Float32], ...]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for index, (weight, bias) in enumerate(layers):
        arrays |= {f"layer{index}.weight": weight, f"layer{index}.bias": bias}
    return arrays


def _layers(arrays: Mapping[str, NDArray[Any]]) -> tuple[tuple[Float32, Float32], ...]:
    count = sum(name.endswith(".weight") for name in arrays)
    return tuple((arrays[f"layer{index}.weight"], arrays[f"layer{index}.bias"]) for index in range(count))

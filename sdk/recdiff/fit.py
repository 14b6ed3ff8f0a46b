"""A whole fit, stage by stage.

scorer      fake scores of all edges, out of fold                    (scorer)
recommender user and item tables, epoch chosen on validation         (recommender, or paper for preset "paper")
blend       simple members beside it, where validation likes that     (blend)
evaluation  ranking on validation and test, baselines beside it      (evaluation.ranking_report)

Judged is the recommender that learned from training interactions alone. Delivered is one that learned from all of them
with the same settings and as many passes, unless ``config.final`` says "train".
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import torch

from recdiff.accounts.scores import agreement
from recdiff.arrays import Float32, Int64
from recdiff.audit.decided import Decided
from recdiff.audit.decisions import Decision, about_accounts
from recdiff.config import Config
from recdiff.data.dataset import SocialDataset
from recdiff.data.labels import Labels
from recdiff.diffusion.folded import FoldedDenoiser
from recdiff.errors import DataError, UsageError
from recdiff.evaluation.ranking_report import judge, validation_score
from recdiff.fakes.kinds import kind
from recdiff.machine.cores import cores
from recdiff.machine.device import resolve_device
from recdiff.machine.hands import Hands, ray_hands
from recdiff.machine.progress import Report, silent
from recdiff.machine.threads import threads_at_most
from recdiff.model import edge_table as evidence_table
from recdiff.model.fitted import Fitted
from recdiff.model.known import known_edges, recalibrated
from recdiff.model.told import SILENT, Told, Verdicts
from recdiff.model.unscored import blank_scorer, why_unscored
from recdiff.paper.denoiser import fold
from recdiff.paper.fit import fit_paper
from recdiff.ranked import Ranked, fit_ranked
from recdiff.recommender.tables import Recommender
from recdiff.recommender.training import Trainer
from recdiff.scorer.fit import fit_scorer
from recdiff.scorer.fitted import Scorer
from recdiff.storage.checkpoint import Checkpoint

Engine = Literal["local", "ray"]


def fit_all(
    config: Config,
    dataset: SocialDataset,
    labels: Labels | None = None,
    decisions: Sequence[Decision] = (),
    *,
    checkpoints: Path | None = None,
    report: Report = silent,
    engine: Engine = "local",
    workers: int | None = None,
    known_accounts: Verdicts | None = None,
) -> Fitted:
    """Fit scorer and recommender on ``dataset`` and judge them.

    Args:
        engine: "ray" trains the default preset's recommender on a Ray cluster, and encodes and trains networks for
            the scorer there; ``checkpoints`` is then a folder that every node sees.
        workers: of the Ray cluster; by default one per card, or one per node with all its cores.
        known_accounts: (U,) 1 for accounts known to be fake, 0 for those known to be real, -1 for all others.

    Raises:
        UsageError: engine "ray" without Ray, without ``checkpoints``, with preset "paper", without interactions or
            with more workers than the cluster has room for; workers without it.
        DeviceError: for device "cuda" where there is none.
        DataError: where there are neither edges enough for a scorer nor interactions.
        ArtifactError: the checkpoints are of another configuration or other data.
    """
    # Before the scorer is fitted, so that what is wrong with a cluster costs no fit.
    with _crew(engine, workers, config, dataset, checkpoints) as who, threads_at_most(cores()):
        told = Told() if _unscored(config, dataset) else told_of(dataset, labels, decisions, known_accounts)
        return _fit_stages(config, dataset, told=told, checkpoints=checkpoints, who=who, report=report)


@dataclass(frozen=True)
class _Crew:
    """What works on a cluster: what trains the recommender, and what encodes for the scorer; None for this process."""

    trainer: Trainer | None = None
    hands: Hands | None = None


@contextmanager
def _crew(
    engine: Engine, workers: int | None, config: Config, dataset: SocialDataset, folder: Path | None
) -> Iterator[_Crew]:
    """Yield what works on a cluster; nothing for the local engine."""
    if engine == "local":
        if workers is not None:
            raise UsageError(f"workers = {workers}: only engine ray has workers")
        yield _Crew()
        return
    if config.preset == "paper":
        raise UsageError("engine ray trains the default recommender; preset paper needs engine local")
    if dataset.train.nnz == 0:
        raise UsageError("engine ray trains the recommender, and these data have no interactions; use engine local")
    if folder is None:
        raise UsageError("engine ray needs a folder for checkpoints that every node sees")
    from recdiff.recommender.ray import ray_trainer

    # Arrays lie where this process has them: a worker needs a card where they lie on one.
    there = _device(config, engine).type
    with ray_trainer(folder, config.device, workers) as trainer, ray_hands(there, workers) as hands:
        yield _Crew(trainer, hands)


def _device(config: Config, engine: Engine) -> torch.device:
    """Return where this process computes; the card of a fit on a cluster need not be in this machine."""
    return resolve_device("auto" if engine == "ray" and config.device == "cuda" else config.device)


def _fit_stages(
    config: Config,
    dataset: SocialDataset,
    *,
    told: Told,
    checkpoints: Path | None,
    who: _Crew,
    report: Report,
) -> Fitted:
    trainer = who.trainer
    device = _device(config, "ray" if trainer else "local")
    checkpoint = None if checkpoints is None else Checkpoint(checkpoints / "fit", fingerprint(config, dataset))
    unscored = _unscored(config, dataset)
    if unscored:
        scorer = blank_scorer(len(dataset.users), len(dataset.edges))
    else:
        scorer = _fit_scorer(config, dataset, told, device, report=report, hands=who.hands)
    edges = evidence_table.edge_table(dataset, scorer)
    denoiser, social = scorer.denoiser, scorer.latent
    everything = sp.csr_matrix(dataset.train + dataset.validation + dataset.test)
    ranked = Ranked()
    if dataset.train.nnz and config.preset == "paper":
        ranked, denoiser, social = _fit_published(config, dataset, device, checkpoint, report)
    elif dataset.train.nnz:
        ranked = fit_ranked(config, dataset, device, checkpoint, trainer=trainer, report=report)
        if config.final == "all" and everything.nnz > dataset.train.nnz:
            ranked = ranked.delivered(everything, dataset, config.seed, device=device, trainer=trainer)
    fitted = Fitted(
        users=dataset.users,
        items=dataset.items,
        edges=edges,
        directed=dataset.directed,
        mirrored=dataset.mirrored,
        pair=scorer.pair,
        table=scorer.table,
        denoiser=denoiser,
        social=social,
        recommender=ranked.recommender,
        judged=ranked.judged,
        trained=dataset.train if ranked.judged is None else everything,
        seen=everything,
        calibration={**({"unscored": unscored} if unscored else _calibration(scorer, told)), **_left_out(dataset)},
        metrics={},
        history=ranked.history,
        told=told,
        growth=scorer.growth,
        blend=ranked.blend,
        judged_blend=ranked.judged_blend,
    )
    fitted = _with_account_facts(fitted)
    score = fitted.judged_score(dataset.train)
    if score is None:
        return fitted
    return replace(fitted, metrics={**judge(score, dataset, config.seed), **ranked.chosen})


def _unscored(config: Config, dataset: SocialDataset) -> str | None:
    """Return why there can be no scorer, or None where there can.

    Raises:
        DataError: there is nothing to recommend from either.
    """
    reason = why_unscored(len(dataset.edges), config.scorer)
    if reason and dataset.train.nnz == 0:
        raise DataError(f"{reason}; and without interactions nothing can be recommended: give more of either")
    return reason


def _calibration(scorer: Scorer, told: Told) -> dict[str, Any]:
    return {
        "kinds": list(scorer.kinds),
        "columns": {name: list(span) for name, span in scorer.columns.items()},
        "shares": {name: share for name, share in scorer.shares.items() if not kind(name).stands_for},
        "noise_level": scorer.fake_share,
        "fake_share": {**_interval(scorer), "audited": False},
        **({} if told.labels is None else {"labels": {**_counts(told.labels), "blind_auc": scorer.agreement}}),
        **({} if told.decided is None else {"decisions": _counts(told.decided)}),
        **({} if told.decided_accounts is None else {"account_decisions": _counts(told.decided_accounts)}),
    }


def _left_out(dataset: SocialDataset) -> dict[str, Any]:
    """Return how many rows of which file were left out of the data, as a model notes it."""
    counts = Counter(Path(row.file).name for row in dataset.left_out)
    return {"rows_left_out": dict(sorted(counts.items()))} if counts else {}


def _fit_scorer(
    config: Config, dataset: SocialDataset, told: Told, device: torch.device, *, report: Report, hands: Hands | None
) -> Scorer:
    """Fit the scorer with what was told, and make its scores match the labels of edges.

    Decisions are of edges that somebody chose to look at, so they say nothing about the level of scores.
    """
    known, accounts = _known(told, len(dataset.edges)), told.known_accounts()
    labels = None if told.labels is None else told.labels.astype(np.int64)
    drawn = np.zeros(len(dataset.edges), np.bool_) if told.labels is None else told.labels != SILENT
    scorer = fit_scorer(
        dataset.graph,
        dataset.train if dataset.train.nnz else None,
        config.scorer,
        seed=config.seed,
        report=report,
        known=known,
        drawn=drawn,
        times=dataset.edge_times,
        accounts=None if accounts is None else accounts.astype(np.int64),
        device=device,
        hands=hands,
    )
    return recalibrated(scorer, config.fake_share, labels)


def fingerprint(config: Config, dataset: SocialDataset) -> str:
    """Return a hash of configuration and data, which a checkpoint is tied to."""
    digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode())
    for matrix in (dataset.train, dataset.validation):
        digest.update(matrix.indptr)
        digest.update(matrix.indices)
    for values in (dataset.edges, dataset.edge_times):
        digest.update(b"" if values is None else values.tobytes())
    return digest.hexdigest()


def _fit_published(
    config: Config, dataset: SocialDataset, device: torch.device, checkpoint: Checkpoint | None, report: Report
) -> tuple[Ranked, FoldedDenoiser | None, Float32]:
    social = dataset.graph.adjacency()
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
    return Ranked(Recommender.of_tables(users, items, dataset.train, social), history=history), denoiser, embeddings


def _known(told: Told, count: int) -> Int64 | None:
    """Return what was said of ``count`` edges themselves: 1 fake, 0 real, -1 nothing; None where nothing was."""
    if told.labels is None and told.decided is None:
        return None
    return told.verdicts(count).astype(np.int64)


def _counts(said: Verdicts) -> dict[str, int]:
    return {"fake": int((said == 1).sum()), "real": int((said == 0).sum())}


def told_of(
    dataset: SocialDataset, labels: Labels | None, decisions: Sequence[Decision], accounts: Verdicts | None = None
) -> Told:
    """Return what labels and decisions say of the edges and accounts; ``accounts`` (U,) are labels.

    Raises:
        DataError: see ``known_edges``.
    """
    known = None if labels is None else known_edges(dataset, labels).astype(np.int8)
    if not decisions:
        return Told(labels=known, accounts=accounts)
    found = Decided.of(decisions, dataset.users, dataset.graph)
    about = about_accounts(decisions, dataset.users)
    decided_accounts = about if (about != SILENT).any() else None
    return Told(labels=known, decided=found.verdicts, accounts=accounts, decided_accounts=decided_accounts)


def _with_account_facts(fitted: Fitted) -> Fitted:
    """Return ``fitted`` with how many accounts are labelled, and how well what is found without labels agrees (AUC)."""
    known = fitted.told.accounts
    if known is None:
        return fitted
    facts = {**_counts(known), "blind_auc": agreement(fitted.accounts, known.astype(np.int64))}
    return replace(fitted, calibration={**fitted.calibration, "account_labels": facts})


def _interval(scorer: Scorer) -> dict[str, float]:
    """Return the share of fakes among the fitted edges: between which values it lies, and the best guess."""
    low, high = scorer.interval
    return {"low": low, "estimate": scorer.fake_share, "high": high}

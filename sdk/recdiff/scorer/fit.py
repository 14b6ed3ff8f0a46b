"""Fit the pair scorer on a social graph alone, blind to which edges are fakes, of which kind, and how many.

1. Sample non-edges of several kinds, and put them and the observed edges into K folds (``pool``, ``setup``).
2. Encode the graph K times, each time without one fold, and once whole (``table``, ``round``).
3. Train the conditional denoiser on the ends of edges, above a million edges in the last round only (``evidence``).
4. Train a network to tell observed edges from each kind, on the other folds than it scores (``halves``).
5. Infer the shares of the kinds from its density ratios, averaging over what cannot be known (``mixture``).
6. Weigh every edge by the chance that it is real and repeat 2 to 4 on the weighted graph.
7. Train the final network with observed edges weighted by the chance that they are real. The score is its posterior
   with the shares as prior, where any edge may also be of no known kind ("other", ``oddity``).

On small graphs all of this is done for several divisions into folds, and the log odds are averaged.

Letters: U users, E edges, F table columns, K kinds, C classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recdiff.arrays import Float32, Float64, Int64, Mask
from recdiff.config.scorer import ScorerConfig
from recdiff.errors import DataError
from recdiff.fakes.kinds import kind
from recdiff.graph.folded import index_type
from recdiff.graph.social_graph import SocialGraph
from recdiff.machine.hands import Hands
from recdiff.machine.progress import Report, Steps, silent
from recdiff.machine.threads import one_blas_thread
from recdiff.scorer.calibration import (
    SMALLEST_SHARE,
    agreement_with,
    known_share,
    makes_a_kind,
    taught,
)
from recdiff.scorer.evidence import denoise, folded
from recdiff.scorer.features import CLIP, fold_features, rows_of, standardised
from recdiff.scorer.fitted import KNOWN, OTHER, Scorer, averaged
from recdiff.scorer.growth import growth_of
from recdiff.scorer.halves import Network, Task, edge_chance, edge_logits, half_networks, pair_ratios
from recdiff.scorer.pair_scorer import PairScorer, PairTerm, chance_of, within
from recdiff.scorer.round import HALVES, Round, described, fill, make_round, thinned_round, with_column, with_evidence
from recdiff.scorer.setup import Seeds, Setup, make_setup
from recdiff.scorer.shares.kinds import Shares, infer_all
from recdiff.scorer.table import friends_terms
from recdiff.scorer.untaught.answers import silence
from recdiff.scorer.untaught.direct import Direct, widened
from recdiff.scorer.untaught.labelled import ACCOUNT
from recdiff.scorer.untaught.oddity import FADING, Oddity, share_of_odd
from recdiff.scorer.untaught.staged import LEAST, STAGED

LEAST_OF_FAKES = 0.004
"""Share of the fakes that each kind keeps in the posterior, of a total of at least ``LEAST_TOTAL``."""
LEAST_TOTAL, BESIDE_PLANTED = 0.02, 0.5
"""The second where planted kinds are looked for, whose networks order the bulk of edges by chance."""
LOOKING_ALIKE = 0.5
"""Part of the real edges that look like a sampled kind which may be of it after all, the less the more fakes are found:
edges have to be ordered where a share is read as next to nothing. Where they have directions, answers do that."""
ALMOST_NONE = 1e-9
LEAST_REAL = 0.1
"""Weight that every observed edge keeps as a real one, which keeps scores from feeding on themselves."""
SMALLEST_WEIGHT = 0.02


def fit_scorer(
    graph: SocialGraph,
    train: sp.csr_matrix | None,
    config: ScorerConfig,
    *,
    seed: int,
    report: Report = silent,
    known: Int64 | None = None,
    drawn: Mask | None = None,
    times: Float64 | None = None,
    accounts: Int64 | None = None,
    device: torch.device | str = "cpu",
    hands: Hands | None = None,
) -> Scorer:
    """Fit on ``graph`` and the interactions ``train`` (U, I), or None.

    Args:
        seed: of every draw; the same seed gives the same scores, in whatever order the edges come.
        known: (E,) 1 for edges known to be fake, 0 for edges known to be real, -1 for all others, or None. Features add
            to the log odds what the labels bear out (``taught``), and from ``FEWEST_KNOWN`` of both on, known fakes are
            a kind of their own, which the final networks learn beside the sampled ones.
        drawn: (E,) which known edges were drawn evenly, so that as many of them are fake as of all; default: every one.
            Where none was, known fakes are a kind from ``FEWEST_DECIDED`` on and features add nothing: edges that
            somebody looked at because they are suspicious differ from the others in that.
        times: (E,) when each edge came about, nan where unknown; or None. Groups whose edges came about together look
            made, and answers that took long say less.
        accounts: (U,) 1 for accounts known to be fake, 0 for accounts known to be real, -1 for all others, or None.
            Edges of accounts like those known to be fake are a kind of their own.
        report: told of every encoding and round.
        device: where all of it is done but drawing, groups and the shares of the kinds.
        hands: what encodes the graph without each fold and trains the networks instead of this process, or None.

    Raises:
        DataError: where there are too few edges to learn from.
    """
    count = len(graph.edges)
    if count < (least := config.least_edges):
        raise DataError(
            f"{count} social edges are too few to learn what a fake looks like: at least {least} are needed"
        )
    order, ordered = _in_order(graph, device)
    told, even = None if known is None else known[order], None if drawn is None else drawn[order]
    when = None if times is None else times[order]
    divisions = config.divisions_for(count)
    steps = Steps(report, "edge scorer", divisions * config.rounds_for(count) * (config.folds_for(count) + 2))
    found = []
    with one_blas_thread():
        for sequence in np.random.SeedSequence(seed).spawn(divisions):
            seeds = Seeds.of(sequence)
            setup = make_setup(
                ordered, train, config, seeds, steps, times=when, accounts=accounts, device=device, hands=hands
            )
            found.append(_divided(setup, told, even))
    steps.all()
    return averaged(found).reordered(order)


def _in_order(graph: SocialGraph, device: torch.device | str) -> tuple[Int64, SocialGraph]:
    """Return which edge of ``graph`` comes first, second, ... (E,), and the graph of the edges in that order.

    Both are int32 where that is enough: half the memory.
    """
    src, dst = torch.as_tensor(graph.edges).to(device).unbind(1)
    if not graph.directed:
        src, dst = torch.minimum(src, dst), torch.maximum(src, dst)
    keys, order = (src.long() * graph.num_users + dst).sort()
    ends = torch.empty((len(keys), 2), dtype=index_type(graph.num_users), device=keys.device)
    ends[:, 0], ends[:, 1] = keys.div(graph.num_users, rounding_mode="floor"), keys.remainder_(graph.num_users)
    number = order.to(index_type(len(order))).cpu().numpy()
    return number, SocialGraph(ends.cpu().numpy(), graph.num_users, graph.directed)


def _divided(setup: Setup, known: Int64 | None, drawn: Mask | None) -> Scorer:
    """Return the scorer that one division into folds leads to, its edges in the setup's order."""
    made, ratio, found = _rounds(setup)
    shares = found.mean
    chance = np.exp(ratio) @ shares + setup.staged.chance(setup.pairs)
    real = np.clip(1.0 - chance, LEAST_REAL, 1.0)
    weight = np.where(setup.label > 0, 1.0, real).astype(np.float32)
    label, kinds, interval = setup.label, found.names, found.interval
    told = np.full(len(label), -1)
    of_ends = None if setup.labelled is None else setup.labelled.of_edges(setup.graph.edges)
    for each in (of_ends, known):
        if each is not None:
            said = each[setup.learn[label == 0]]
            told[label == 0] = np.where(said >= 0, said, told[label == 0])
    weight = np.where(told == 0, 1.0, np.where(told == 1, SMALLEST_WEIGHT, weight)).astype(np.float32)
    if known is not None and makes_a_kind(known, drawn):
        sampled = len(setup.pool.kinds)
        label, weight = np.where(told == 1, 1 + sampled, label), np.where(told == 1, np.float32(1.0), weight)
        share = known_share(known, drawn)
        shares = np.insert(shares, sampled, share) / max(1.0, float(shares.sum() + share))
        kinds = (*setup.pool.kinds, KNOWN, *setup.planted.kinds)
        interval = min(interval[0], float(shares.sum())), max(interval[1], float(shares.sum()))
    named = dict(zip(kinds, shares, strict=True)) | {STAGED: float(found.staged.mean())}
    if setup.labelled is not None:
        named[ACCOUNT] = 0.0
    scorer = _finish(setup, made, Task(label, weight), found, shares=named, interval=interval, known=known, drawn=drawn)
    return replace(scorer, agreement=agreement_with(chance, told))


def _rounds(setup: Setup) -> tuple[Round, Float64, Shares]:
    """Return the last round, its log ratios (L, K) of the pairs learned from, and the first round's shares."""
    config, count = setup.config, setup.pool.observed
    even = Task(setup.label, np.ones(len(setup.learn), np.float32))
    continued, rounds = config.continued_for(count), config.rounds_for(count)
    made = make_round(setup, None, evidence=rounds == 1 or not continued)
    networks = half_networks(setup, made, even)
    ratio = pair_ratios(setup, made, networks)
    found = infer_all(setup, made, networks, ratio, None if continued else _thinned(setup, even))
    staged = setup.staged.chance_there(setup.edges)
    setup.steps.one()
    for turn in range(1, rounds):
        if found.mean.sum() + found.staged.mean() < config.worthwhile:
            break
        chance = edge_chance(setup, made, networks, found.mean) + staged
        weight = (1.0 - chance).clamp(min=SMALLEST_WEIGHT).float()
        start = made.encodings.eigenvectors if continued else None
        del made
        made = make_round(setup, weight, start, evidence=turn + 1 == rounds or not continued)
        networks = half_networks(setup, made, even)
        ratio = pair_ratios(setup, made, networks)
        setup.steps.one()
    if made.encodings.net is None and config.evidence.denoising != "none":
        made = described(setup, with_evidence(setup, made.encodings))
    return made, ratio, found


def _thinned(setup: Setup, task: Task) -> Float64 | None:
    """Return the log ratios (L, K) by networks that learn ``task`` and see half of the graph alone, or None.

    Nothing is halved where edges have directions: answers are counted by fold, so that some would be seen.
    """
    config = setup.config.mixture
    if setup.graph.directed or setup.pool.observed < config.halved_from:
        return None
    made = thinned_round(setup)
    return pair_ratios(setup, made, half_networks(setup, made, task, accounts=False))


def _finish(
    setup: Setup,
    made: Round,
    task: Task,
    found: Shares,
    *,
    shares: dict[str, float],
    interval: tuple[float, float],
    known: Int64 | None,
    drawn: Mask | None,
) -> Scorer:
    """Train the final networks, observed edges weighted by the chance that they are real, and put all together."""
    after_all = 0.0 if setup.graph.directed else LOOKING_ALIKE * math.exp(-sum(shares.values()) / FADING)
    beside = dict(zip(setup.pool.kinds, (after_all * found.looks).tolist(), strict=True))
    offset = _prior(shares, beside, setup.graph.directed, found.fading)
    learned = half_networks(setup, made, task, whole=True)
    if setup.labelled is not None:
        made = _awaiting_accounts(made)
    direct = Direct.of(made, Oddity.of(setup, made))
    odds, parts = _posterior(setup, made, learned, direct, offset)
    if setup.labelled is not None:
        scores = chance_of(within(odds, found.alike), (1.0, 0.0))
        fill(made, ACCOUNT, setup.labelled.column(setup.graph, scores, setup.times))
        odds, parts = _posterior(setup, made, learned, direct, offset)
    if known is not None and known.max() >= 0 and (drawn is None or drawn.any()):
        direct = replace(direct, weights=direct.weights + _taught(setup, made, odds, known))
        odds, parts = _posterior(setup, made, learned, direct, offset)
    odds = within(odds, found.alike)
    fake = chance_of(odds, (1.0, 0.0))
    by_kind = torch.as_tensor(parts).mul_(torch.as_tensor(fake)[:, None]).numpy()
    encodings, evidence = made.encodings, setup.config.evidence
    clean = np.empty((0, 0), np.float32) if encodings.net is None else denoise(encodings.net, made.latent, evidence)
    latent = made.latent.cpu().numpy()
    movement = np.sqrt(np.square(clean - latent).mean(axis=1)) if clean.size else np.empty(0, np.float32)
    return Scorer(
        pair=PairScorer(
            made.terms,
            made.mean,
            made.scale,
            CLIP,
            layers=widened(learned[-1], direct),
            offset=offset,
            alike=found.alike,
        ),
        table=encodings.tables[-1].cpu().numpy(),
        columns=encodings.at,
        kinds=(*shares, OTHER),
        edge_scores=fake,
        edge_kinds=by_kind,
        edge_log_odds=odds,
        shares=dict(zip((*shares, OTHER), by_kind.mean(axis=0, dtype=np.float64).tolist(), strict=True)),
        interval=(min(interval[0], total := float(fake.mean())), max(interval[1], total)),
        latent=latent,
        denoised=clean,
        movement=movement,
        denoiser=None if encodings.net is None else folded(encodings.net, evidence),
        growth=growth_of(setup, encodings, movement),
    )


def _awaiting_accounts(made: Round) -> Round:
    """Return ``made`` with a column of what labels say of accounts, which says nothing yet."""
    staged = made.encodings.at[STAGED]
    return with_column(made, ACCOUNT, -LEAST, PairTerm("low", staged, staged))


def _posterior(
    setup: Setup, made: Round, learned: list[Network], direct: Direct, offset: Float32
) -> tuple[Float64, Float32]:
    """Return the log odds (E,) that edges are fake, and the parts (E, K) that the kinds have in it, each out of fold.

    What is added directly and by silence is in it; see ``pair_scorer.posterior``.

    Args:
        offset: (C,) added to the logits.
    """
    edges, shift = setup.graph.edges, torch.as_tensor(offset).to(setup.device)
    odds = torch.empty(len(edges), dtype=torch.float64, device=setup.device)
    parts = torch.empty((len(edges), len(offset) - 1), device=setup.device)
    said = torch.zeros(0)
    if setup.graph.directed:
        said = torch.as_tensor(silence(edges, setup.graph.num_users, setup.times).astype(np.float32)).to(setup.device)

    def take(rows: Tensor, z: Tensor) -> None:
        if len(said):
            z[:, 0] -= said.index_select(0, rows)
        wide = (z + shift).double()
        odds.index_copy_(0, rows, torch.logsumexp(wide[:, 1:], dim=1) - wide[:, 0])
        parts.index_copy_(0, rows, torch.softmax(wide[:, 1:], dim=1).float())

    edge_logits(setup, made, [widened(each, direct) for each in learned[:HALVES]], take)
    return odds.cpu().numpy(), parts.cpu().numpy()


def _taught(setup: Setup, made: Round, odds: Float64, known: Int64) -> Float32:
    """Return what the features (N,) add to the log odds by the labels ``known`` (E,)."""
    rng = np.random.default_rng(setup.seeds.mixture)
    rows = np.flatnonzero(known >= 0)
    pairs, fold = (rows_of(each[rows], setup.device) for each in (setup.graph.edges, setup.pool.fold))
    features = fold_features(made.encodings.tables, pairs, fold, made.terms)
    inputs = standardised(features, made.mean, made.scale).cpu().numpy()
    unweighed = made.places(friends_terms(made.encodings.at, setup.graph.directed)).tolist()
    return taught(inputs, odds[rows], known[rows] == 1, rng, unweighed)


def _prior(shares: Mapping[str, float], sampled: Mapping[str, float], directed: bool, fading: float) -> Float32:
    """Return the log prior of the classes (C,): real, every kind, made groups and no known kind.

    A sampled kind that orders edges keeps a part of the fakes: something must order them where none was found.
    Logits of made groups, and of accounts like labelled ones, are log odds already.

    Args:
        shares: of every kind. sampled: what sampled kinds get beside them. fading: see ``share_of_odd``.
    """
    own = [name for name in shares if name in (STAGED, ACCOUNT)]
    told = {name: share for name, share in shares.items() if name not in own}
    total = float(np.clip(sum(told.values()), SMALLEST_SHARE, 1.0 - SMALLEST_SHARE))
    least = LEAST_OF_FAKES * max(total, BESIDE_PLANTED if set(told) - set(sampled) - {KNOWN} else LEAST_TOTAL)
    orders = {name for name in sampled if not kind(name).stands_for}
    kinds = [
        max(share + sampled[name], least) if name in orders else max(share, ALMOST_NONE) for name, share in told.items()
    ]
    odd = float(share_of_odd(np.array([total]), directed, fading)[0])
    return np.asarray(np.log([1.0 - total, *kinds, *[1.0 - total] * len(own), odd]), np.float32)

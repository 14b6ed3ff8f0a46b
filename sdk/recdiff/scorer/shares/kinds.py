"""What is known of the shares of all kinds, sampled and planted. Letters: L pairs learned from, K kinds, N draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recdiff.arrays import Float64, Int64
from recdiff.fakes.kinds import RARELY, kind
from recdiff.graph.pairs import ends_of
from recdiff.scorer.accounts import AUDIENCES, IDLE, USING_NOTHING
from recdiff.scorer.halves import Network, planted_ratios
from recdiff.scorer.round import Round
from recdiff.scorer.setup import Setup
from recdiff.scorer.shares.mixture import INTERVAL, Mixture, infer_further, infer_shares
from recdiff.scorer.untaught.oddity import FADING, FADING_SOON, share_of_odd

ALMOST_NONE = 1e-9
ROOM = 0.02
"""Share up to which a planted kind may always be there, as far as the observed edges have room for it: groups of
accounts differ so much from each other that hardly any share of theirs can be read."""
MADE = 0.5
"""How likely an edge is of a made group, from where on sampled kinds are not looked for there."""
CAUTIOUS, SURE = 0.1, 0.9
"""How likely there are fewer fakes than the highest scores rest on, and from where on a score is one of those."""
PURITIES = (0.5, 0.97)
"""Between these lies which part of the edges that look like fakes is taken for fake."""


@dataclass(frozen=True, eq=False)
class Shares:
    """What is known of the kinds' shares.

    Attributes:
        names: of the K kinds that networks tell.
        draws: (N, K), all equally likely, together at most 1.
        purity: (K,) mean part of fakes among the edges that look like each kind.
        looks: of the sampled kinds, which come first, the share of real edges that look like each.
        staged: (N,) draws of the share that made groups have beside them; staged_purity: of their edges.
        odd: (N,) draws of the share of fakes of no known kind, from the prior: nothing in the data tells it.
        loose: (N,) draws of the share of known kinds that go by the data less strictly (``mixture.LOOSE``).
        fading: by which share found fakes of no known kind fade.
    """

    names: tuple[str, ...]
    draws: Float64
    purity: Float64
    looks: Float64
    staged: Float64
    staged_purity: float
    odd: Float64
    loose: Float64
    fading: float

    @property
    def mean(self) -> Float64:
        """The mean share of each kind, (K,)."""
        return np.asarray(self.draws.mean(axis=0), np.float64)

    @property
    def interval(self) -> tuple[float, float]:
        """Between which values the share of all fakes lies with a probability of 96 %."""
        further = self.staged + self.odd
        ends = [np.quantile(each + further, INTERVAL) for each in (self.draws.sum(axis=1), self.loose)]
        return float(min(low for low, _ in ends)), float(min(max(high for _, high in ends), 1.0))

    @property
    def alike(self) -> float:
        """How many real edges look like fakes beside each edge that does and that networks take for one.

        Networks are surest where they have seen least. Of the edges that look like a kind the part ``purity`` is fake;
        of the most suspicious ones among them it is more, taken to be half-way to all. Where there may be so few fakes
        (``CAUTIOUS``) that ``SURE`` is borne out no more, no score reaches it.
        """
        share = np.append(self.mean, self.staged.mean())
        purity = np.append(self.purity, self.staged_purity)
        mean = max(float(share.sum()), ALMOST_NONE)
        several = self.draws.sum(axis=1), self.loose
        least = min(float(np.quantile(each + self.staged, CAUTIOUS)) for each in several)
        usual, cautious = (_beside(float(share @ purity) / mean * part) for part in (1.0, least / mean))
        return max(usual, min(cautious, 1.0 / SURE - 1.0))


def _beside(purity: float) -> float:
    """Return how many real edges there are beside each fake among the most suspicious edges of a kind."""
    return 2.0 / (1.0 + float(np.clip(purity, *PURITIES))) - 1.0


def infer_all(setup: Setup, made: Round, networks: list[Network], ratio: Float64, thinned: Float64 | None) -> Shares:
    """Return what is known of the shares of the sampled kinds and, where there are any, of the planted ones.

    It comes from encodings that know nothing of earlier scores. Kinds that different networks over accounts tell are
    read one network at a time, and idle accounts that are a farm's count once.

    Args:
        ratio: (L, K) log ratios of the pairs learned from; thinned: those of the sampled kinds in the halved graph.
    """
    rng, config = np.random.default_rng(setup.seeds.mixture), setup.config.mixture
    names, planted = setup.pool.kinds, setup.planted
    sampled = len(names)
    alone = _alone(setup)
    natural = [each + alone / sampled for each in _natural(names)]
    rows, part = _outside(setup)
    halved = None if thinned is None else thinned[rows]
    vague = _vague(names, halved=halved is not None)
    read = infer_shares(ratio[rows, :sampled], setup.label[rows], natural, config, rng, thinned=halved, vague=vague)
    read = replace(read, draws=read.draws * part, alike=read.alike * part)
    known = handed_on(read, names)
    draws, purity = [known.draws], [known.purity]
    by_account = np.concatenate([ratio, planted_ratios(setup, made, networks)]) if planted.kinds else ratio
    label = np.concatenate([setup.label, sampled + planted.label])
    for kinds, _ in AUDIENCES if planted.kinds else ():
        first = sampled + planted.kinds.index(kinds[0])
        told = (label <= sampled) | ((label > first) & (label <= first + len(kinds)))
        own = np.where(label > first, label - first + sampled, label)[told]
        columns = by_account[told, first : first + len(kinds)]
        further = infer_further(
            columns, own, _natural(kinds), vague=_vague(kinds, halved=False), known=known, config=config, rng=rng
        )
        room = np.minimum(further.bound, ROOM)
        draws.append(np.maximum(further.draws, rng.random(further.draws.shape) * room))
        purity.append(further.purity)
        names = (*names, *kinds)
    whole = np.concatenate(draws, axis=1)
    if IDLE in names:
        holds = whole[:, [names.index(each) for each in USING_NOTHING]].sum(axis=1)
        idle = names.index(IDLE)
        whole[:, idle] = np.maximum(whole[:, idle] - holds, 0.0)
    whole /= np.maximum(whole.sum(axis=1, keepdims=True), 1.0)
    staged, staged_purity = _staged(setup, ratio, whole, rng)
    fading = FADING if halved is None else FADING_SOON
    odd = share_of_odd(whole.sum(axis=1) + staged, setup.graph.directed, fading) * rng.exponential(1.0, len(whole))
    return Shares(
        names,
        whole,
        np.concatenate(purity),
        looks=known.alike.mean(axis=0),
        staged=staged,
        staged_purity=staged_purity,
        odd=odd,
        loose=np.minimum(read.loose * part + whole[:, sampled:].sum(axis=1), 1.0),
        fading=fading,
    )


def _staged(setup: Setup, ratio: Float64, draws: Float64, rng: np.random.Generator) -> tuple[Float64, float]:
    """Return draws (N,) of the share that made groups have beside the other kinds, and how pure their edges are."""
    rows = setup.label == 0
    edges = setup.pairs[rows]
    chance = setup.staged.chance(edges)
    free = 1.0 - np.clip(np.exp(ratio[rows]) @ draws.mean(axis=0), 0.0, 1.0)
    pure = float((free * chance**2).sum() / max(float((free * chance).sum()), ALMOST_NONE))
    return setup.staged.share(edges, free, len(draws), rng), pure


def _outside(setup: Setup) -> tuple[Int64, float]:
    """Return which pairs learned from are of no made group, and which part of the observed edges those are.

    The shares of sampled kinds are read there: who was made to be tied has much in common, like friends of friends.
    """
    free, observed = setup.staged.chance(setup.pairs) < MADE, setup.label == 0
    return np.flatnonzero(free), float(free[observed].mean())


def handed_on(known: Mixture, names: Sequence[str]) -> Mixture:
    """Return what is known of the shares of the kinds ``names`` with those of kinds that stand for others handed on."""
    draws, alike = known.draws.copy(), known.alike.copy()
    for place, name in enumerate(names):
        others = [names.index(each) for each in kind(name).stands_for if each in names]
        for of in (draws, alike) if others else ():
            of[:, others] += of[:, [place]] / len(others)
            of[:, place] = 0.0
    return replace(known, draws=draws, alike=alike)


def _alone(setup: Setup) -> float:
    """Return the share of observed edges of which one end has no other, so that they look like any sampled pair."""
    edges = setup.graph.edges
    alone = ends_of(edges, setup.graph.num_users) == 1
    return float((alone[edges[:, 0]] | alone[edges[:, 1]]).mean())


def _natural(names: Sequence[str]) -> list[float]:
    return [kind(name).natural for name in names]


def _vague(names: Sequence[str], *, halved: bool) -> list[float]:
    """Return in how many graphs any share of real edges looks like each kind.

    Where no half of the graph was read nothing tells such edges from fakes, and a kind that orders edges and may always
    look like them would leave none.
    """
    kinds = [kind(name) for name in names]
    return [each.vague if halved or each.stands_for else RARELY for each in kinds]

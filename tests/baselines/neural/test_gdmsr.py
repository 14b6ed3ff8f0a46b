"""GDMSR: its confidence against a whole Transformer layer over all tokens, its layers and rounds against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.baselines import Task
from recdiff.baselines.neural import confidence as tokens
from recdiff.baselines.neural.confidence import Confidence, most_popular
from recdiff.baselines.neural.gdmsr import GDMSR, fit_gdmsr, kept_ties, tie_confidence
from recdiff.baselines.pairwise import WIDTH, Batch
from recdiff.graph.social_graph import SocialGraph
from recdiff.metrics.edges import edge_metrics
from tests.baselines.tasks import LONER, weighted_task

USERS, ITEMS = 13, 17


@pytest.fixture
def task() -> Task:
    """Weighted ties; one user without items and ties, one item without users."""
    return weighted_task((USERS, ITEMS), 0.4, 0.7, directed=False, judge=lambda score: 0.0)


@pytest.fixture
def encoder(task: Task) -> GDMSR:
    return GDMSR(task, 0.2, torch.Generator().manual_seed(1))


def plain(layer: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
    found: np.ndarray = rows @ layer.weight.detach().double().numpy().T  # type: ignore[operator, union-attr]
    return found if layer.bias is None else found + layer.bias.detach().double().numpy()  # type: ignore[operator, union-attr]


def normal(rows: np.ndarray) -> np.ndarray:
    return (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, keepdims=True) + 1e-5)


def slow_logit(model: Confidence, sequence: np.ndarray) -> float:
    """Run every token of ``sequence``, the stop token last, through the layer, and read the last."""
    query, key, value = (plain(layer, sequence) for layer in (model.query, model.key, model.value))
    attended = []
    for row in query:
        raised = [math.exp(row @ other / math.sqrt(WIDTH)) for other in key]
        attended.append(sum(each * other for each, other in zip(raised, value, strict=True)) / sum(raised))
    hidden = normal(sequence + plain(model.out, np.stack(attended)))
    hidden = normal(hidden + plain(model.narrow, np.maximum(plain(model.wide, hidden), 0)))
    return float(plain(model.last, np.maximum(plain(model.hidden, hidden[-1]), 0))[0])


def test_confidence_is_the_layer_over_all_tokens(task: Task, monkeypatch: pytest.MonkeyPatch, encoder: GDMSR) -> None:
    monkeypatch.setattr(tokens, "MOST", 4)
    model = Confidence(task.train, torch.Generator().manual_seed(1))
    table = encoder.items.detach().double().numpy()
    sides, separator, stop = (part.detach().double().numpy() for part in (model.sides, model.separator, model.stop))
    train = task.train.toarray()
    popularity = train.sum(axis=0)
    pairs = [(0, 1), (1, 0), (2, LONER), (LONER, LONER)]
    with torch.no_grad():
        found = model(encoder.items, torch.tensor(pairs), None)
    for logit, pair in zip(found.tolist(), pairs, strict=True):
        listed = []
        for user, side in zip(pair, sides, strict=True):
            owned = sorted(np.flatnonzero(train[user]), key=lambda item: (-popularity[item], item))[:4]
            listed.append(table[owned] + side)
        slow = slow_logit(model, np.concatenate([listed[0], separator, listed[1], stop]))
        assert logit == pytest.approx(slow, abs=1e-5)
    assert found[0] != found[1], "who owns what matters, not the union alone"


def test_histories_are_the_most_popular_items(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST", 2)
    kept, train = most_popular(task.train).toarray(), task.train.toarray()
    assert set(np.unique(kept)) == {0.0, 1.0}
    popularity = train.sum(axis=0)
    for user in range(USERS):
        assert kept[user].sum() == min(2, train[user].sum())
        assert popularity[kept[user] > 0].sum() == np.sort(popularity[train[user] > 0])[-2:].sum()


@torch.no_grad()
def test_embeddings_are_the_layers_node_by_node(task: Task, encoder: GDMSR) -> None:
    encoder.kept[::3] = False
    encoder.trust = encoder.trust_left()
    social, train = task.social.toarray().astype(np.float64), task.train.toarray().astype(np.float64)
    left = np.zeros_like(social)
    left[tuple(encoder.ties[encoder.kept].numpy().T)] = 1
    degree, used, taken = social.sum(axis=1), train.sum(axis=1), train.sum(axis=0)
    users, items = (part.double().numpy() for part in (encoder.users, encoder.items))
    blocks = [(users, items)]
    for layer in encoder.layers:
        near = [np.zeros((USERS, WIDTH)), np.zeros((USERS, WIDTH)), np.zeros((ITEMS, WIDTH))]
        for a, b in np.argwhere(social * left > 0):
            near[0][a] += social[a, b] * users[b] / math.sqrt(degree[a] * degree[b])
        for user, item in np.argwhere(train > 0):
            near[1][user] += items[item] / math.sqrt(used[user] * taken[item])
            near[2][item] += users[user] / math.sqrt(used[user] * taken[item])
        trusted, liked, found = (
            np.maximum(plain(part, rows), 0)
            for part, rows in zip((layer.trust, layer.rate, layer.rated), near, strict=True)
        )
        users, items = (trusted + liked) / 2, found
        blocks.append((users, items))
    for fast, slow in zip(encoder.embed(), zip(*blocks, strict=True), strict=True):
        np.testing.assert_allclose(fast.numpy(), np.concatenate(slow, axis=1), rtol=1e-4, atol=1e-5)


def test_a_round_takes_each_user_its_least_confident_ties_of_those_left() -> None:
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(4), [4, 5, 70, 9])
    kept, confidence = np.ones(len(users), bool), rng.random(len(users)).astype(np.float32)
    kept[np.flatnonzero(users == 3)[:5]] = False  # 4 are left, so none goes
    left = kept_ties(*(torch.as_tensor(part) for part in (users, confidence, kept))).numpy()
    for user, lost in enumerate((0, 1, 3, 0)):
        before, after = (np.flatnonzero((users == user) & part) for part in (kept, left))
        assert set(before) - set(after) == set(before[np.argsort(confidence[before])[:lost]])
        assert set(after) <= set(before)


def test_rounds_come_every_tenth_epoch_and_remember(encoder: GDMSR) -> None:
    generator = torch.Generator().manual_seed(0)
    for epoch in range(21):
        encoder.begin_epoch(generator)
        with torch.no_grad():
            if epoch == 0:
                first = encoder.confidence.probabilities(encoder.items, encoder.ties)
                assert encoder.kept.all()
                encoder.items.add_(0.5)
            elif epoch == 9:
                assert encoder.kept.all()
            elif epoch == 10:
                second = encoder.confidence.probabilities(encoder.items, encoder.ties)
                torch.testing.assert_close(encoder.remembered, (first + second) / 2)
                once = int(encoder.kept.sum())
                assert encoder.trust.forward.values().count_nonzero() == once < len(encoder.kept)
    assert int(encoder.kept.sum()) < once


def test_a_gradient_reaches_each_parameter_and_ties_share_the_loss(task: Task, encoder: GDMSR) -> None:
    batch = Batch(torch.arange(12), torch.arange(12), torch.arange(12) + 2)
    users, items = encoder.embed()
    loss = (users[batch.users] * items[batch.positives]).sum()
    loss = loss + encoder.further_loss(batch, torch.Generator().manual_seed(0))
    loss.backward()  # type: ignore[no-untyped-call]
    for name, part in encoder.named_parameters():
        assert part.grad is not None, name
        assert torch.isfinite(part.grad).all(), name
        assert part.grad.any(), name
    double = GDMSR(task, 1 / 3, torch.Generator().manual_seed(1))
    losses = [each.further_loss(batch, torch.Generator().manual_seed(2)).item() for each in (encoder, double)]
    assert losses[1] == pytest.approx(2 * losses[0])
    encoder.kept[:] = False
    assert encoder.further_loss(batch, torch.Generator().manual_seed(2)).item() == 0.0


def test_the_seed_decides(task: Task) -> None:
    first, again = (fit_gdmsr(task, 0.01, 0.1, epochs=2)(np.arange(3)) for _ in range(2))
    assert (first == again).all()


def test_ties_between_tastes_get_less_confidence() -> None:
    """Users know users of their own parity, who like items of it; one tie in five is between the two."""
    rng, users = np.random.default_rng(0), 60
    train = ((np.arange(users)[:, None] + np.arange(30)) % 2 == 0) & (rng.random((users, 30)) < 0.6)
    edges = np.stack(np.triu_indices(users, 1), axis=1)
    is_fake = (edges[:, 0] + edges[:, 1]) % 2 == 1
    some = rng.random(len(edges)) < np.where(is_fake, 0.05, 0.2)
    graph = SocialGraph(edges[some], users, False)
    task = Task(sp.csr_matrix(train.astype(np.float32)), graph, lambda score: 0.0)
    found = tie_confidence(task, alpha=0.5, learning_rate=0.01, epochs=150)
    assert edge_metrics(is_fake[some], -found, False).auc > 0.8


@pytest.mark.parametrize("directed", [False, True])
def test_each_edge_has_one_confidence(task: Task, directed: bool) -> None:
    graph = SocialGraph(task.graph.edges, USERS, directed)
    found = tie_confidence(Task(task.train, graph, task.judge), epochs=1)
    assert found.shape == (len(graph.edges),)
    assert ((found > 0) & (found < 1)).all()
    turned = SocialGraph(task.graph.edges[:, ::-1].copy(), USERS, directed)
    again = tie_confidence(Task(task.train, turned, task.judge), epochs=1)
    assert np.allclose(found, again) != directed

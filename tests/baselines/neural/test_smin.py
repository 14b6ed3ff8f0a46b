"""SMIN: its paths, its convolution and its informax against loops over nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.baselines import Task
from recdiff.baselines.neural import local_informax, metapaths
from recdiff.baselines.neural.kcgn import related_items
from recdiff.baselines.neural.local_informax import LocalInformax, near_nodes
from recdiff.baselines.neural.metapaths import item_graphs, nearest, user_graphs
from recdiff.baselines.neural.smin import SMIN, fit_smin
from recdiff.baselines.pairwise import Batch
from tests.baselines.tasks import weighted_task

USERS, ITEMS = 16, 19


@pytest.fixture(params=[False, True], ids=["undirected", "directed"])
def task(request: pytest.FixtureRequest) -> Task:
    """Weighted ties, one of weight 0; one user without items and ties, one item without users."""
    return weighted_task((USERS, ITEMS), 0.3, 0.4, directed=bool(request.param))


@pytest.fixture
def encoder(task: Task) -> SMIN:
    return SMIN(task, 2, 0.5, torch.Generator().manual_seed(1))


def plain(part: torch.Tensor) -> np.ndarray:
    found: np.ndarray = part.detach().double().numpy()
    return found


def sigmoid(value: np.ndarray | float) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.asarray(value))))


def leaky(rows: np.ndarray, slope: float) -> np.ndarray:
    return np.where(rows > 0, rows, slope * rows)


def slow_nearest(paths: np.ndarray, size: np.ndarray, most: int) -> np.ndarray:
    """Keep each row's best, the earlier one of equals, both ways."""
    kept = np.zeros_like(paths)
    for node, row in enumerate(paths):
        others = [
            (-count / math.sqrt(size[other]), other) for other, count in enumerate(row) if count and other != node
        ]
        for _, other in sorted(others)[:most]:
            kept[node, other] = kept[other, node] = 1
    return kept


@pytest.mark.parametrize("most", [2, 50])
def test_graphs_are_the_paths_counted_one_by_one(task: Task, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metapaths, "MOST", most)
    monkeypatch.setattr(metapaths, "BLOCK", 7)
    train, social, related = (part.toarray() for part in (task.train, task.social, related_items(task.train)))
    shared, through = np.zeros((2, USERS, USERS))
    both = np.zeros((ITEMS, ITEMS))
    for a in range(USERS):
        for i in np.flatnonzero(train[a]):
            both[i] += train[a]
            for b in range(USERS):
                shared[a, b] += train[b, i]
                through[a, b] += sum(train[b, j] for j in range(ITEMS) if related[i, j])
    users, items = (
        user_graphs(task.train, task.social, related_items(task.train)),
        item_graphs(task.train, related_items(task.train)),
    )
    used, taken = train.sum(axis=1), train.sum(axis=0)
    np.testing.assert_array_equal(users[0].toarray(), np.maximum(social, social.T))
    np.testing.assert_array_equal(users[1].toarray(), slow_nearest(shared, used, most))
    np.testing.assert_array_equal(users[2].toarray(), slow_nearest(through, used, most))
    np.testing.assert_array_equal(items[0].toarray(), slow_nearest(both, taken, most))
    np.testing.assert_array_equal(items[1].toarray(), related)


def slow_paths(paths: torch.nn.Module, table: np.ndarray, graphs: list[sp.csr_matrix]) -> np.ndarray:
    views, asked = [], []
    maps, slopes = plain(paths.maps), plain(paths.slopes)  # type: ignore[arg-type]
    for path, graph in enumerate(graphs):
        looped = graph.toarray().astype(np.float64) + np.eye(len(table))
        degree = looped.sum(axis=1)
        rows, parts = table, [table]
        for layer in range(maps.shape[1]):
            mapped, spread = rows @ maps[path, layer], np.zeros_like(rows)
            for a, b in np.argwhere(looped > 0):
                spread[a] += looped[a, b] * mapped[b] / math.sqrt(degree[a] * degree[b])
            rows = leaky(spread, slopes[path, layer])
            parts.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
        views.append(np.concatenate(parts, axis=1))
        hidden = views[-1] @ plain(paths.hidden.weight).T + plain(paths.hidden.bias)  # type: ignore[union-attr, arg-type]
        asked.append(np.mean([np.tanh(row) @ plain(paths.query) for row in hidden]))  # type: ignore[arg-type]
    raised = np.exp(asked)
    return np.asarray(sum(share * view for share, view in zip(raised / raised.sum(), views, strict=True)))


def test_embeddings_are_the_convolutions_node_by_node(task: Task, encoder: SMIN) -> None:
    with torch.no_grad():
        encoder.user_paths.slopes[1, 0], encoder.user_paths.hidden.bias[3] = 0.4, 0.7
    related = related_items(task.train)
    found = encoder.embed()
    for fast, part, table, graphs in (
        (found[0], encoder.user_paths, encoder.users, user_graphs(task.train, task.social, related)),
        (found[1], encoder.item_paths, encoder.items, item_graphs(task.train, related)),
    ):
        np.testing.assert_allclose(plain(fast), slow_paths(part, plain(table), graphs), atol=1e-5)


def test_near_are_neighbours_and_ends_of_many_paths() -> None:
    rng = np.random.default_rng(1)
    upper = np.triu(rng.random((40, 40)) < 0.45, 1).astype(np.float32)
    upper[:, 39] = 0
    graph = upper + upper.T
    found = near_nodes(sp.csr_matrix(0.3 * graph)).toarray()
    for a in range(40):
        for b in range(40):
            many = sum(graph[a, c] * graph[c, b] for c in range(40)) > 10
            assert found[a, b] == (a != b and (graph[a, b] > 0 or many)), (a, b)
    assert 0 < found[:39, :39].mean() < 1


def test_informax_is_its_three_losses_summed_over_nodes_and_edges() -> None:
    rng = np.random.default_rng(1)
    upper = np.triu(rng.random((12, 12)) < 0.4, 1).astype(np.float32)
    upper[7] = upper[:, 7] = 0
    graph = upper + upper.T
    near, rows, nodes = near_nodes(sp.csr_matrix(graph)).toarray(), rng.normal(size=(12, 4)), [0, 5, 7, 5]
    order = torch.randperm(12, generator=torch.Generator().manual_seed(3)).numpy()
    degree = np.maximum(graph.sum(axis=1), 1)

    def spread(values: np.ndarray) -> np.ndarray:
        return leaky(np.stack([graph[node] @ values / math.sqrt(degree[node]) for node in range(12)]), 0.25)

    true, shuffled = spread(rows), spread(rows[order])
    first, second = [], []
    for node in (0, 5, 5):
        around = sigmoid(np.mean([rows[other] for other in np.flatnonzero(near[node])], axis=0))
        for losses, summary in ((first, around), (second, rows[node])):
            losses.append(math.log1p(math.exp(-true[node] @ summary)) + math.log1p(math.exp(shuffled[node] @ summary)))
    edges = sum((1 - sigmoid(true[a] @ true[b])) ** 2 for a, b in np.argwhere(upper > 0)) / 12
    found = LocalInformax(sp.csr_matrix(graph))(
        torch.as_tensor(rows, dtype=torch.float32), torch.tensor(nodes), torch.Generator().manual_seed(3)
    )
    assert found[0].item() == pytest.approx(np.mean(first), abs=1e-5)
    assert found[1].item() == pytest.approx(np.mean(second) + edges, abs=1e-5)


def test_a_graph_without_edges_has_no_informax() -> None:
    found = LocalInformax(sp.csr_matrix((4, 4), dtype=np.float32))(
        torch.ones(4, 2), torch.arange(4), torch.Generator().manual_seed(0)
    )
    assert [each.item() for each in found] == [0.0, 0.0]


def test_drawn_edges_estimate_the_loss_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    upper = np.triu(rng.random((30, 30)) < 0.4, 1).astype(np.float32)
    model = LocalInformax(sp.csr_matrix(upper + upper.T))
    rows, generator = torch.randn(30, 4, generator=torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    whole = model._edge_loss(rows, generator).item()
    monkeypatch.setattr(local_informax, "EDGES", 100)
    drawn = [model._edge_loss(rows, generator).item() for _ in range(300)]
    assert len(set(drawn)) > 1
    assert np.mean(drawn) == pytest.approx(whole, rel=0.02)


def test_few_paths_do_not_count_and_a_node_is_not_near_itself() -> None:
    left = sp.csr_matrix(np.array([[1, 1, 1], [1, 1, 0], [0, 0, 1]], np.float32))
    found = nearest(left, left.T.tocsr(), np.ones(3), least=1.0).toarray()
    np.testing.assert_array_equal(found, [[0, 1, 0], [1, 0, 0], [0, 0, 0]])


def test_a_gradient_reaches_each_parameter_and_the_weight_scales_what_is_near(task: Task, encoder: SMIN) -> None:
    batch = Batch(torch.arange(12), torch.arange(12), torch.arange(12) + 2)
    user, positive, negative = encoder.rows(batch, torch.Generator().manual_seed(0))
    further = encoder.further_loss(batch, torch.Generator().manual_seed(0))
    ((user * (positive - negative)).sum() + further).backward()  # type: ignore[no-untyped-call]
    for name, part in encoder.named_parameters():
        assert part.grad is not None, name
        assert torch.isfinite(part.grad).all(), name
        assert part.grad.any(), name
    losses = []
    for weight in (0.0, 1.0, 2.0):
        encoder.informax = weight
        losses.append(encoder.further_loss(batch, torch.Generator().manual_seed(0)).item())
    assert losses[0] > 0
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-4)


def test_the_seed_decides(task: Task) -> None:
    first, again = (fit_smin(task, 0.01, 0.06, epochs=2)(np.arange(3)) for _ in range(2))
    assert (first == again).all()

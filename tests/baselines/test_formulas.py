"""Each closed form against the formula written out densely, and each network against its definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.baselines import Task, ease
from recdiff.baselines.diffnet import DiffNet
from recdiff.baselines.factorisation import fit_als, solve_rows
from recdiff.baselines.lightgcn import LightGCN, XSimGCL, info_nce
from recdiff.baselines.mhcn import MHCN
from recdiff.baselines.motifs import SHARED, joint_motif, motif_channels, purchase_motif, social_motif
from recdiff.baselines.neighbours import fit_item_neighbours, fit_tied_neighbours, fit_user_neighbours, shrunk_cosine
from recdiff.baselines.pairwise import Batch
from recdiff.baselines.task import strongest
from recdiff.baselines.walks import fit_rp3beta
from recdiff.errors import UsageError
from recdiff.graph.social_graph import SocialGraph

USERS, ITEMS = 12, 17
ALL = np.arange(USERS)


@pytest.fixture
def task() -> Task:
    rng = np.random.default_rng(0)
    train = (rng.random((USERS, ITEMS)) < 0.3).astype(np.float32)
    train[:, 3] = 0  # an item without users
    train[5] = 0  # a user without items
    a, b = np.triu_indices(USERS, 1)
    kept = rng.random(len(a)) < 0.3
    edges = np.stack([a[kept], b[kept]], axis=1)
    return Task(sp.csr_matrix(train), SocialGraph(edges, len(train), False), lambda score: float(score(ALL).sum()))


def dense(task: Task) -> np.ndarray:
    return task.train.toarray().astype(np.float64)


def _slow_cosine(rows: np.ndarray, shrink: float) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=1)
    similar = rows @ rows.T / np.maximum(norms[:, None] * norms + shrink, 1e-12)
    np.fill_diagonal(similar, 0)
    return similar


def test_the_strongest_of_each_row_stay() -> None:
    matrix = sp.csr_matrix(np.array([[3, 0, 1, 2], [0, 0, 0, 0], [5, 5, 5, 0]], np.float32))
    assert strongest(matrix, 2).toarray().tolist() == [[3, 0, 0, 2], [0, 0, 0, 0], [5, 5, 0, 0]]


def test_shrunk_cosine_of_the_nearest(task: Task) -> None:
    slow = _slow_cosine(dense(task), 5.0)
    np.testing.assert_allclose(shrunk_cosine(task.train, USERS, 5.0).toarray(), slow, atol=1e-6)
    near = shrunk_cosine(task.train, 2, 5.0)
    assert (np.diff(near.indptr) <= 2).all()
    np.testing.assert_allclose(near.max(axis=1).toarray()[:, 0], slow.max(axis=1), atol=1e-6)


def test_neighbour_scores(task: Task) -> None:
    r = dense(task)
    np.testing.assert_allclose(fit_item_neighbours(task, ITEMS, 2.0)(ALL), r @ _slow_cosine(r.T, 2.0), atol=1e-5)
    np.testing.assert_allclose(fit_user_neighbours(task, USERS, 2.0, "none")(ALL), _slow_cosine(r, 2.0) @ r, atol=1e-5)
    rarity = np.log(USERS / np.maximum(r.sum(axis=0), 1))
    alike = _slow_cosine(r * rarity, 2.0)
    np.testing.assert_allclose(fit_user_neighbours(task, USERS, 2.0, "tfidf")(ALL), alike @ r, atol=1e-5)
    social = task.social.toarray()
    scale = np.maximum(social.sum(axis=1), 1) ** -0.5
    tied = alike + 0.3 * scale[:, None] * social * scale
    np.testing.assert_allclose(fit_tied_neighbours(task, USERS, 2.0, "tfidf", 0.3)(ALL), tied @ r, atol=1e-5)


def test_walk_scores(task: Task) -> None:
    r, alpha, beta = dense(task), 0.7, 0.3
    users, items = np.maximum(r.sum(axis=1), 1), np.maximum(r.sum(axis=0), 1)
    to_items, to_users = r / users[:, None] ** alpha, r.T / items[:, None] ** alpha
    steps = to_users @ to_items / items**beta
    np.fill_diagonal(steps, 0)
    np.testing.assert_allclose(fit_rp3beta(task, alpha, beta, ITEMS)(ALL), to_items @ steps, atol=1e-5)


def _slow_ease(known: np.ndarray, ridge: float) -> np.ndarray:
    precision = np.linalg.inv(known.T @ known + ridge * np.eye(known.shape[1]))
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0)
    return (known @ weights)[:, :ITEMS]


def test_ease_is_the_same_from_either_side(task: Task) -> None:
    slow = _slow_ease(dense(task), 3.0)
    np.testing.assert_allclose(ease._by_users(task.train, task.train, 3.0)(ALL), slow, atol=1e-4)
    np.testing.assert_allclose(ease._by_items(task.train, 3.0)(ALL), slow, atol=1e-4)
    np.testing.assert_allclose(ease.fit_ease(task, 3.0)(ALL), slow, atol=1e-4)


def test_ease_with_ties_is_ease_on_more_columns(task: Task) -> None:
    known = np.hstack([dense(task), 0.5 * task.social.toarray()])
    np.testing.assert_allclose(ease.fit_tied_ease(task, 3.0, 0.5)(ALL), _slow_ease(known, 3.0), atol=1e-4)


def test_ease_refuses_what_memory_cannot_hold(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "LARGEST_INVERSE", 5)
    with pytest.raises(UsageError, match="dense inverse of side 12; it is limited to 5"):
        ease.fit_ease(task, 1.0)


def test_ease_refuses_a_ridge_that_leaves_no_inverse(task: Task) -> None:
    with pytest.raises(UsageError, match="use a larger ridge"):
        ease.fit_ease(task, -50.0)


def test_als_solves_each_row(task: Task) -> None:
    fixed = np.random.default_rng(1).standard_normal((ITEMS, 3)).astype(np.float32)
    rows = solve_rows(task.train, fixed, 0.2, 0.5)
    for user in ALL:
        weight = np.where(dense(task)[user] > 0, 1.0, 0.2)
        normal = fixed.T @ (weight[:, None] * fixed) + 0.5 * np.eye(3)
        np.testing.assert_allclose(rows[user], np.linalg.solve(normal, fixed.T @ dense(task)[user]), atol=1e-4)


def test_als_returns_the_sweep_the_judge_likes(task: Task) -> None:
    values = iter([1.0, 5.0, 2.0, 2.0])
    seen: list[np.ndarray] = []

    def judge(score: object) -> float:
        seen.append(score(ALL))  # type: ignore[operator]
        return next(values)

    score = fit_als(replace(task, judge=judge), 3, 0.2, 0.5, epochs=4)
    assert np.array_equal(score(ALL), seen[1])


def _normalised(matrix: np.ndarray) -> np.ndarray:
    degree = matrix.sum(axis=1)
    scale = np.where(degree > 0, np.maximum(degree, 1e-12) ** -0.5, 0)
    return scale[:, None] * matrix * scale


@pytest.mark.parametrize("tie_weight", [0.0, 0.3])
def test_lightgcn_is_the_mean_of_powers(task: Task, tie_weight: float) -> None:
    model = LightGCN(task, 2, tie_weight, torch.Generator().manual_seed(0))
    r = dense(task)
    walk = _normalised(np.block([[tie_weight * task.social.toarray(), r], [r.T, np.zeros((ITEMS, ITEMS))]]))
    table = np.vstack([model.users.detach(), model.items.detach()])
    expected = (table + walk @ table + walk @ walk @ table) / 3
    np.testing.assert_allclose(np.vstack([part.detach() for part in model.embed()]), expected, atol=1e-5)


def test_xsimgcl_leaves_the_table_out_and_noise_only_in_training(task: Task) -> None:
    model = XSimGCL(
        task=task, layers=2, tie_weight=0.0, noise=0.5, contrast=0.1, generator=torch.Generator().manual_seed(0)
    )
    users, _ = model.embed()
    assert torch.equal(users, model.embed()[0])
    assert not users[5].any(), "a user without neighbours has nothing but the table"
    first, mean = model._walk(torch.Generator().manual_seed(1))
    clean_first, clean_mean = model._walk(None)
    assert 0 < (first - clean_first).norm(dim=1).max() <= 0.5 + 1e-5
    assert not torch.equal(mean, clean_mean)


def test_info_nce_of_equal_and_of_shuffled_views() -> None:
    rows = torch.eye(6)
    assert info_nce(rows, rows) < info_nce(rows, rows.roll(1, 0))
    expected = -np.log(np.exp(5) / (np.exp(5) + 5))
    assert float(info_nce(rows, rows)) == pytest.approx(expected, rel=1e-5)


def test_diffnet_adds_friends_and_history(task: Task) -> None:
    model = DiffNet(task, 2, torch.Generator().manual_seed(0))
    mean = [m / np.maximum(m.sum(axis=1, keepdims=True), 1) for m in (task.social.toarray(), dense(task))]
    hidden = model.users.detach().numpy()
    for _ in range(2):
        hidden = mean[0] @ hidden + hidden
    users, items = model.embed()
    np.testing.assert_allclose(users.detach(), hidden + mean[1] @ model.items.detach().numpy(), atol=1e-5)
    assert torch.equal(items, model.items)


def _slow_motifs(s: np.ndarray) -> np.ndarray:
    b = s * s.T
    u = s - b
    t = u.T
    pairs = [
        (u @ u) * t,
        (b @ u) * t + (u @ b) * t + (u @ u) * b,
        (b @ b) * u + (b @ u) * b + (u @ b) * b,
        (u @ u) * u + (u @ t) * u + (t @ u) * u,
    ]
    single = [(b @ b) * b, (u @ b) * u + (b @ t) * t + (t @ u) * b, (t @ b) * t + (b @ u) * u + (u @ t) * b]
    return sum(each + each.T for each in pairs) + sum(single)


@pytest.mark.parametrize("mirror", [0.0, 0.5, 1.0])
def test_social_motifs(mirror: float) -> None:
    rng = np.random.default_rng(3)
    one_way = np.triu(rng.random((9, 9)) < 0.6, 1).astype(np.float32)
    ties = np.maximum(one_way, one_way.T * (rng.random((9, 9)) < mirror))
    s = sp.csr_matrix(ties)
    mutual = sp.csr_matrix(s.multiply(s.T))
    np.testing.assert_allclose(social_motif(mutual, sp.csr_matrix(s - mutual)).toarray(), _slow_motifs(ties))


def test_joint_and_purchase_motifs_divide_the_shared_items(task: Task) -> None:
    common = task.train @ task.train.T
    common.setdiag(0)
    empty = sp.csr_matrix((USERS, USERS), dtype=np.float32)
    joint, bought = joint_motif(common, task.social, empty), purchase_motif(common, task.social, empty)
    assert joint.multiply(bought).nnz == 0
    np.testing.assert_allclose(joint.toarray(), common.toarray() * task.social.toarray())
    rest = common.toarray() * (1 - task.social.toarray())
    np.testing.assert_allclose(bought.toarray(), rest * (rest >= SHARED))


def test_channels_are_row_means(task: Task) -> None:
    for channel in motif_channels(task.train, task.social):
        sums = np.asarray(channel.sum(axis=1)).ravel()
        assert np.all(np.isclose(sums, 1, atol=1e-5) | (sums == 0))
        assert channel.nnz > 0


def test_mhcn_self_supervision_reaches_the_tables(task: Task) -> None:
    generator = torch.Generator().manual_seed(0)
    model = MHCN(task, 2, 0.5, generator)
    batch = Batch(*(torch.zeros(1, dtype=torch.long) for _ in range(3)))
    value = model.further_loss(batch, generator)
    value.backward()  # type: ignore[no-untyped-call]
    assert value.item() > 0
    assert model.users.grad is not None
    assert model.users.grad.abs().sum() > 0
    idle = MHCN(task, 2, 0.0, torch.Generator().manual_seed(0))
    assert idle.further_loss(batch, generator).item() == 0

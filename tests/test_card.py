"""What needs an NVIDIA card: the same numbers as on the processor, and a loop that never waits for the card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import scipy.sparse as sp
import torch

from recdiff.config import PaperConfig
from recdiff.config.recommender import RecommenderConfig
from recdiff.config.scorer import ClassifierConfig, ScorerConfig, TableConfig
from recdiff.data.dataset import SocialDataset
from recdiff.estimator import RecDiff
from recdiff.fakes.injection import corrupt
from recdiff.graph.negatives import NegativeSampler
from recdiff.graph.pairs import undirected
from recdiff.graph.shared import Friends, shared_friends
from recdiff.graph.social_graph import SocialGraph
from recdiff.graph.sparse import Propagator
from recdiff.groups.find import find_members
from recdiff.learning.lesson import Lesson, learn, learn_together
from recdiff.metrics.edges import edge_metrics
from recdiff.paper import fit
from recdiff.paper.encoder import Graphs
from recdiff.paper.network import PaperModel
from recdiff.recommender.fit import fit_recommender
from recdiff.scorer.fit import fit_scorer
from recdiff.scorer.pair_scorer import forward
from recdiff_export.opening import open_bundle
from tests.graph_samples import community_edges, community_items

pytestmark = pytest.mark.gpu

SETTINGS = PaperConfig(width=16, time_width=4, steps=6, noise_scale=20.0, batch_size=128, epochs=4, evaluate_every=2)


def data() -> tuple[sp.csr_matrix, sp.csr_matrix]:
    rng = np.random.default_rng(0)
    train = sp.csr_matrix((rng.random((80, 120)) < 0.1).astype(np.float32))
    upper = np.triu(rng.random((80, 80)) < 0.1, 1)
    return train, sp.csr_matrix((upper | upper.T).astype(np.float32))


def test_products_are_those_of_the_processor() -> None:
    train, _ = data()
    dense = torch.randn(120, 16, generator=torch.Generator().manual_seed(0))
    product = Propagator.of(train, "cuda") @ dense.cuda()
    torch.testing.assert_close(product.cpu(), Propagator.of(train) @ dense, rtol=1e-5, atol=1e-5)


def test_embeddings_are_those_of_the_processor() -> None:
    train, social = data()
    models = {
        device: PaperModel(SETTINGS, 80, 120, torch.Generator().manual_seed(1)).to(device) for device in ("cpu", "cuda")
    }
    parts = {device: model.embeddings(Graphs.of(train, social, device)) for device, model in models.items()}
    for card, processor in zip(parts["cuda"], parts["cpu"], strict=True):
        torch.testing.assert_close(card.cpu(), processor, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
def test_the_batches_of_an_epoch_never_wait_for_the_card() -> None:
    train, social = data()
    graphs, sampler = Graphs.of(train, social, "cuda"), NegativeSampler(train, "cuda")
    training = fit.start(SETTINGS, train.shape, 0, "cuda")
    users, items = fit.positives(train, "cuda")
    fit.train_epoch(training, graphs, sampler, users, items)
    negatives = sampler.draw(users, training.generator)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in torch.split(torch.arange(len(users), device="cuda"), SETTINGS.batch_size):
            losses = training.model.losses(graphs, users[batch], items[batch], negatives[batch], training.generator)
            losses.total.backward()  # type: ignore[no-untyped-call]
            for optimiser in training.optimisers:
                optimiser.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_fit_learns_on_the_card() -> None:
    train, social = data()
    _, _, history = fit.fit_paper(
        replace(SETTINGS, epochs=20), train, social, lambda user, item: float((user @ item.T).std()), 0, device="cuda"
    )
    assert history[-1]["bpr"] < history[0]["bpr"]


def test_the_default_recommender_is_that_of_the_processor() -> None:
    train, social = data()
    upper = sp.triu(social).tocoo()
    edges = np.stack([upper.row, upper.col], axis=1).astype(np.int64)
    config = RecommenderConfig(width=16, steps=12, search=False)
    card, processor = (
        fit_recommender(
            config,
            train,
            graph=SocialGraph(edges, train.shape[0], False),
            validation=sp.csr_matrix(train.shape),
            seed=0,
            device=device,
        ).recommender
        for device in ("cuda", "cpu")
    )
    np.testing.assert_allclose(card.user_table, processor.user_table, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(card.item_table, processor.item_table, rtol=1e-3, atol=1e-3)


@pytest.fixture(scope="module")
def card_model(sample_dataset: SocialDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card") / "model"
    RecDiff(device="cuda").fit(sample_dataset).save(folder)
    return folder


def test_what_was_fitted_on_the_card_scores_like_it_does_on_the_processor(
    card_model: Path, sample_dataset: SocialDataset
) -> None:
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime-gpu is not installed")
    users = np.asarray(sample_dataset.users.values.to_pylist())
    src, dst = (users[np.random.default_rng(side).integers(0, len(users), 5_000)] for side in (0, 1))
    with open_bundle(card_model, provider="cuda") as card, open_bundle(card_model, provider="cpu") as processor:
        assert card.provider == "CUDAExecutionProvider"
        np.testing.assert_allclose(card.score(src, dst), processor.score(src, dst), rtol=0, atol=1e-5)
        rows = np.random.default_rng(2).standard_normal((500, card.manifest.embedding_width)).astype(np.float32)
        np.testing.assert_allclose(card.denoise(rows), processor.denoise(rows), rtol=1e-4, atol=1e-4)


def test_ties_scored_with_the_card_are_told_apart_as_on_the_processor() -> None:
    edges = community_edges(640, 7000)
    made = corrupt(
        SocialGraph(edges, 640, False), kind="uniform", share=0.2, mode="replace", rng=np.random.default_rng(1)
    )
    config = ScorerConfig(folds=4, table=TableConfig(positive=16, negative=4, taste=8))
    card, processor = (
        fit_scorer(SocialGraph(made.edges, 640, False), community_items(640), config, seed=0, device=device)
        for device in ("cuda", "cpu")
    )
    found, expected = (edge_metrics(made.is_fake, each.edge_scores).auc for each in (card, processor))
    assert abs(found - expected) < 0.01
    assert abs(card.fake_share - processor.fake_share) < 0.03
    assert np.corrcoef(card.edge_scores, processor.edge_scores)[0, 1] > 0.97


def test_directed_ties_are_scored_with_the_card() -> None:
    edges = community_edges(640, 7000)
    card = fit_scorer(SocialGraph(edges, 640, True), None, ScorerConfig(folds=4), seed=0, device="cuda")
    assert np.isfinite(card.edge_scores).all()
    assert {"unit_out", "asked"} <= set(card.columns)


def test_recorded_steps_are_those_that_are_made_one_by_one() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 3000)
    x = (rng.standard_normal((3000, 5)) + label[:, None]).astype(np.float32)

    def lessons(device: str) -> list[Lesson]:
        drawn, config = torch.Generator().manual_seed(1), ClassifierConfig(epochs=3)
        inputs = torch.as_tensor(x).to(device)
        return [
            Lesson.of(inputs, label, np.ones(3000, np.float32), classes=3, config=config, generator=drawn)
            for _ in range(2)
        ]

    for card, processor in zip(learn_together(lessons("cuda")), map(learn, lessons("cpu")), strict=True):
        np.testing.assert_allclose(forward(card, x), forward(processor, x), rtol=1e-2, atol=1e-2)


def test_friends_in_common_are_looked_up_as_they_are_counted() -> None:
    edges = torch.as_tensor(undirected(community_edges(640, 7000), 640))
    there = Friends(edges.cuda(), 640)
    expected = shared_friends(Friends(edges, 640), Friends(edges, 640), edges)
    assert shared_friends(there, there, edges.cuda()).cpu().tolist() == expected.tolist()


def test_groups_found_with_the_card_are_those_of_the_processor() -> None:
    graph = SocialGraph(community_edges(640, 7000), 640, False)
    card, processor = (find_members(graph, device=device).member for device in ("cuda", "cpu"))
    assert (card == processor).mean() > 0.99

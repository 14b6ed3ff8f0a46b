"""The graph encoder against the slow formula and the published figures."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from recdiff.paper.encoder import GraphEncoder, Graphs
from tests import reference
from tests.golden import golden


def published() -> tuple[GraphEncoder, Graphs]:
    data = golden()
    users, items = data["interactions"].shape
    encoder = GraphEncoder(users, items, 64, 2, 2)
    names = {"users": "user_table", "items": "item_table"}
    for layer in range(2):
        names |= {f"{side}_weights.{layer}": f"interaction_{layer}_{side}_weight" for side in ("user", "item")}
        names |= {f"social_weights.{layer}": f"social_{layer}_weight"}
    encoder.load_state_dict({ours: torch.as_tensor(data[f"encoder/{theirs}"]) for ours, theirs in names.items()})
    parts = (sp.csr_matrix(data[name].astype(np.float32)) for name in ("interactions", "social"))
    return encoder, Graphs.of(*parts)


def everything(count: int) -> torch.Tensor:
    return torch.arange(count)


def test_interaction_embeddings_are_the_published_ones() -> None:
    encoder, graphs = published()
    user, item = encoder.interaction(graphs, everything(24), everything(31))
    expected = golden()["interaction_embeddings"]
    np.testing.assert_allclose(torch.cat([user, item]).detach().numpy(), expected, atol=1e-5)


def test_social_embeddings_are_the_published_ones() -> None:
    encoder, graphs = published()
    rows = encoder.social(graphs, everything(24)).detach().numpy()
    np.testing.assert_allclose(rows, golden()["social_embeddings"], atol=1e-5)


def small(
    layers: int, users: int = 13, items: int = 29, seed: int = 0
) -> tuple[GraphEncoder, Graphs, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    interactions = (rng.random((users, items)) < 0.15).astype(np.float32)
    interactions[2], interactions[:, 5] = 0, 0
    social = np.triu(rng.random((users, users)) < 0.2, 1)
    social = (social | social.T).astype(np.float32)
    social[4], social[:, 4] = 0, 0
    encoder = GraphEncoder(users, items, 8, layers, layers).reset(torch.Generator().manual_seed(seed))
    return encoder, Graphs.of(sp.csr_matrix(interactions), sp.csr_matrix(social)), interactions, social


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("shape", [(13, 29), (31, 11)])
def test_embeddings_are_the_reference_ones(layers: int, shape: tuple[int, int]) -> None:
    encoder, graphs, interactions, social = small(layers, *shape)
    weights = {
        name: [weight.detach().numpy() for weight in getattr(encoder, f"{name}_weights")]
        for name in ("user", "item", "social")
    }
    users, items = encoder.users.detach().numpy(), encoder.items.detach().numpy()
    expected = reference.interaction_embeddings(interactions, users, items, weights["user"], weights["item"])
    user, item = encoder.interaction(graphs, everything(shape[0]), everything(shape[1]))
    np.testing.assert_allclose(torch.cat([user, item]).detach().numpy(), expected, atol=1e-5)
    rows = encoder.social(graphs, everything(shape[0])).detach().numpy()
    np.testing.assert_allclose(rows, reference.social_embeddings(social, users, weights["social"]), atol=1e-5)


def test_rows_asked_for_are_rows_of_the_whole_in_their_order() -> None:
    encoder, graphs, _, _ = small(2)
    users, items = torch.tensor([3, 0, 3, 12]), torch.tensor([5, 28, 1])
    user, item = encoder.interaction(graphs, users, items)
    all_users, all_items = encoder.interaction(graphs, everything(13), everything(29))
    torch.testing.assert_close(user, all_users[users])
    torch.testing.assert_close(item, all_items[items])
    torch.testing.assert_close(encoder.social(graphs, users), encoder.social(graphs, everything(13))[users])


def test_items_and_users_without_edges_keep_their_table_row() -> None:
    encoder, graphs, _, _ = small(2)
    user, item = encoder.interaction(graphs, torch.tensor([2]), torch.tensor([5]))
    assert torch.equal(user[0], encoder.users[2])
    assert torch.equal(item[0], encoder.items[5])
    assert torch.equal(encoder.social(graphs, torch.tensor([4]))[0], encoder.users[4])


def test_tables_are_drawn_xavier_uniform_from_the_generator() -> None:
    first, again, other = (
        GraphEncoder(400, 600, 64, 1, 1).reset(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.users, other.users)
    for table in (first.users, first.items, first.user_weights[0]):
        bound = (6 / sum(table.shape)) ** 0.5
        assert 0.95 * bound < table.abs().max().item() <= bound
        assert table.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)

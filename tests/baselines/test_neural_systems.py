"""NGCF, GraphRec, DSL and DGRec against their equations written out with loops, one node at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn import functional

from recdiff.baselines import Task
from recdiff.baselines.neural import dgrec, dsl, graphrec, ngcf
from recdiff.baselines.neural.layers import dropped, linear
from recdiff.baselines.neural.segments import Segments
from recdiff.baselines.pairwise import WIDTH, Batch, Encoder
from tests.baselines.tasks import LONER, UNSEEN, weighted_task

USERS, ITEMS = 9, 14
NEAR = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture
def task() -> Task:
    """A directed graph with weighted edges; one user has no items and no friends, one item no users."""
    return weighted_task((USERS, ITEMS), 0.4, 0.4, directed=True, either_way=True, judge=lambda score: 0.0)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def nothing_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (ngcf, dsl, graphrec, dgrec):
        monkeypatch.setattr(module, "DROPOUT", 0.0)


def batch_of(task: Task) -> Batch:
    coo = task.train.tocoo()
    users, items = (torch.as_tensor(part.astype(np.int64)) for part in (coo.row, coo.col))
    negatives = [int(np.flatnonzero(task.train[[user]].toarray()[0] == 0)[-1]) for user in users]
    return Batch(users, items, torch.tensor(negatives))


def dense(matrix: sp.csr_matrix) -> Tensor:
    return torch.as_tensor(matrix.toarray())


def slow_shares(logits: list[Tensor], weights: list[float]) -> list[Tensor]:
    raised = [weight * torch.exp(logit) for weight, logit in zip(weights, logits, strict=True)]
    return [each / sum(raised) for each in raised]


MODELS: dict[str, Callable[[Task, torch.Generator], Encoder]] = {
    "ngcf": lambda task, generator: ngcf.NGCF(task, 2, generator),
    "dsl": lambda task, generator: dsl.DSL(task, 2, tie_loss=0.1, alignment=0.1, generator=generator),
    "graphrec": graphrec.GraphRec,
    "dgrec": dgrec.DGRec,
}


@pytest.mark.parametrize("name", MODELS)
def test_a_gradient_reaches_every_parameter(task: Task, generator: torch.Generator, name: str) -> None:
    model, batch = MODELS[name](task, generator), batch_of(task)
    model.begin_epoch(generator)
    user, positive, negative = model.rows(batch, generator)
    loss = functional.softplus(-(user * (positive - negative)).sum(dim=-1)).mean()
    (loss + model.further_loss(batch, generator)).backward()  # type: ignore[no-untyped-call]
    for parameter, value in model.named_parameters():
        assert value.grad is not None, parameter
        assert torch.isfinite(value.grad).all(), parameter
        assert value.grad.abs().sum() > 0, parameter


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_step_and_another_one_another(task: Task, name: str) -> None:
    def user_rows(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        model = MODELS[name](task, generator)
        model.begin_epoch(generator)
        return model.rows(batch_of(task), generator)[0]

    assert torch.equal(user_rows(1), user_rows(1))
    assert not torch.equal(user_rows(1), user_rows(2))


def test_linear_layers_and_dropout_come_from_the_generator() -> None:
    first, again = (linear(5, 3, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first.weight, again.weight)
    assert first.weight.abs().max() <= (6 / 8) ** 0.5
    rows = torch.ones(200, 50)
    assert dropped(rows, 0.5, None) is rows
    kept = dropped(rows, 0.2, torch.Generator().manual_seed(1))
    assert set(kept.unique().tolist()) == {0.0, 1.25}
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.03)


def test_lists_hold_each_row_or_a_draw_of_it(task: Task, generator: torch.Generator) -> None:
    whole, social = Segments.of(task.social, 99, generator), task.social.toarray()
    for user in range(USERS):
        entries = slice(*whole.starts[user : user + 2].tolist())
        assert whole.members[entries].tolist() == np.flatnonzero(social[user]).tolist()
        assert whole.weights[entries].tolist() == social[user][social[user] > 0].tolist()
    few = Segments.of(task.social, 2, generator)
    assert few.starts.diff().tolist() == np.minimum((social > 0).sum(axis=1), 2).tolist()
    assert (social[few.owners, few.members] > 0).all()
    assert not torch.equal(few.members, Segments.of(task.social, 2, generator).members)


def test_lists_are_taken_without_what_is_left_out(task: Task, generator: torch.Generator) -> None:
    lists = Segments.of(task.train, 99, generator)
    nodes, left_out = torch.tensor([2, LONER, 2, 0]), torch.tensor([UNSEEN, 0, -1, 0])
    left_out[2] = lists.members[lists.starts[2]]
    taken, entries = lists.taken(nodes, left_out)
    for place, (node, out) in enumerate(zip(nodes.tolist(), left_out.tolist(), strict=True)):
        expected = [item for item in np.flatnonzero(task.train[[node]].toarray()[0]) if item != out]
        assert taken.members[taken.owners == place].tolist() == expected
    assert torch.equal(lists.members[entries], taken.members)
    assert torch.equal(nodes[taken.owners], lists.owners[entries])


def test_members_are_drawn_from_their_lists_evenly(task: Task, generator: torch.Generator) -> None:
    lists = Segments.of(task.train, 99, generator)
    nodes = torch.tensor([2, LONER]).repeat(2000)
    drawn = lists.drawn(nodes, generator)
    assert set(drawn[1::2].tolist()) == {-1}
    items, counts = torch.unique(drawn[::2], return_counts=True)
    assert items.tolist() == np.flatnonzero(task.train[[2]].toarray()[0]).tolist()
    assert counts.min() > 0.7 * counts.float().mean()


@pytest.mark.parametrize("shift", [0.0, 200.0, -200.0])
def test_shares_and_sums_of_lists(task: Task, generator: torch.Generator, shift: float) -> None:
    lists = Segments.of(task.social, 99, generator)
    scores = torch.randn(len(lists.members), generator=generator)
    own = torch.randn(USERS, generator=generator)
    table = torch.randn(USERS, 4, generator=generator)
    shares, none = lists.softmax(scores + shift)
    with_own, itself = lists.softmax(scores + shift, own + shift)
    assert not none.any()
    assert not lists.weighted(shares, table)[LONER].any()
    assert itself[LONER] == 1
    for user in range(USERS):
        inside = (lists.owners == user).nonzero()[:, 0]
        weights = lists.weights[inside].tolist()
        alone = slow_shares([*scores[inside]], weights)
        torch.testing.assert_close(shares[inside], torch.tensor(alone), **NEAR)
        joined = slow_shares([*scores[inside], own[user]], [*weights, 1.0])
        torch.testing.assert_close(torch.cat([with_own[inside], itself[user : user + 1]]), torch.stack(joined), **NEAR)
        total = sum((share * table[lists.members[e]] for share, e in zip(alone, inside, strict=True)), torch.zeros(4))
        torch.testing.assert_close(lists.weighted(shares, table)[user], total, **NEAR)


def test_ngcf_is_its_equation(task: Task, generator: torch.Generator) -> None:
    model = ngcf.NGCF(task, 2, generator)
    r = dense(task.train)
    graph = torch.block_diag(torch.zeros(USERS, USERS), torch.zeros(ITEMS, ITEMS))
    graph[:USERS, USERS:], graph[USERS:, :USERS] = r, r.T
    degree = graph.sum(dim=1)
    hidden = torch.cat([model.users, model.items])
    blocks = [hidden]
    for w, v in zip(model.plain, model.alike, strict=True):
        following = []
        for node in range(USERS + ITEMS):
            near = torch.zeros(WIDTH)
            for other in graph[node].nonzero()[:, 0]:
                near = near + hidden[other] / (degree[node] * degree[other]).sqrt()
            mixed = w.weight @ (near + hidden[node]) + w.bias + v.weight @ (near * hidden[node]) + v.bias  # type: ignore[operator]
            following.append(torch.where(mixed > 0, mixed, 0.2 * mixed))
        hidden = torch.stack(following)
        blocks.append(hidden / hidden.norm(dim=1, keepdim=True))
    torch.testing.assert_close(torch.cat(model.embed()), torch.cat(blocks, dim=1), **NEAR)


def test_ngcf_drops_in_training_alone(task: Task, generator: torch.Generator) -> None:
    model, batch = ngcf.NGCF(task, 1, generator), batch_of(task)
    whole, trained = model.embed()[0][batch.users], model.rows(batch, generator)[0]
    assert torch.equal(whole, model.embed()[0][batch.users])
    assert torch.equal(whole[:, :WIDTH], trained[:, :WIDTH])
    assert (whole[:, WIDTH:] != 0).all()
    assert 0.05 < float((trained[:, WIDTH:] == 0).float().mean()) < 0.15


def slow_sums(graph: Tensor, table: Tensor, layers: int) -> Tensor:
    degree = graph.sum(dim=1)
    scale = torch.where(degree > 0, degree, 1.0).rsqrt()
    walk = scale[:, None] * graph * scale
    return sum((torch.linalg.matrix_power(walk, layer) @ table for layer in range(layers + 1)), torch.zeros(()))


@pytest.mark.usefixtures("nothing_dropped")
def test_dsl_is_its_equation(task: Task, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dsl, "PAIRS", 6)
    model = dsl.DSL(task, 2, tie_loss=0.7, alignment=0.3, generator=generator)
    r, s = dense(task.train), dense(task.social)
    graph = torch.zeros(USERS + ITEMS, USERS + ITEMS)
    graph[:USERS, USERS:], graph[USERS:, :USERS] = r, r.T
    whole = slow_sums(graph, torch.cat([model.users, model.items]), 2)
    torch.testing.assert_close(torch.cat(model.embed()), whole, **NEAR)

    both = (s + s.T) / 2
    social = slow_sums(both, model.users, 1)
    value = model.further_loss(batch_of(task), torch.Generator().manual_seed(3))
    draws = torch.Generator().manual_seed(3)
    hinge = torch.zeros(())
    for a, b in torch.randint(USERS, (2, 6), generator=draws).T:
        mixed = model.joined.weight @ torch.cat([whole[a], whole[b]]) + model.joined.bias
        mixed = torch.where(mixed > 0, mixed, 0.5 * mixed) + whole[a] + whole[b]
        label = torch.sigmoid(model.label.weight[0] @ mixed + model.label.bias[0])
        hinge = hinge + torch.clamp(1 - label * (social[a] @ social[b]), min=0)
    for shape in ((6, WIDTH), (6, 1)):
        torch.rand(shape, generator=draws)
    ties, count = both.nonzero(), len(batch_of(task).users)
    chosen = torch.randint(len(ties), (count,), generator=draws)
    losses = [
        both[a, b] * -torch.log(torch.sigmoid(social[a] @ social[b] - social[a] @ social[other]))
        for (a, b), other in zip(ties[chosen], torch.randint(USERS, (count,), generator=draws), strict=True)
    ]
    torch.testing.assert_close(value, 0.7 * sum(losses) / count + 0.3 * hinge, **NEAR)


def slow_pool(
    attention: graphrec.Attention, own: Tensor, row: Tensor, listed: list[Tensor], weights: list[float]
) -> Tensor:
    """Attend for one owner with the table row ``own``; its result starts from ``row``."""
    logits = []
    for each in listed:
        hidden = torch.relu(attention.listed.weight @ each + attention.owner.weight @ own + attention.owner.bias)
        hidden = torch.relu(attention.middle.weight @ hidden + attention.middle.bias)
        logits.append(attention.last.weight[0] @ hidden)
    pooled = torch.zeros(WIDTH)
    for share, each in zip(slow_shares(logits, weights), listed, strict=True):
        pooled = pooled + share * each
    return torch.relu(attention.joined.weight @ torch.cat([row, pooled]) + attention.joined.bias)


class SlowGraphRec:
    """The equations, one user or item at a time."""

    def __init__(self, model: graphrec.GraphRec, task: Task) -> None:
        self.model, self.train, self.social = model, dense(task.train), dense(task.social)

    def taste(self, user: int, without: int = -1) -> Tensor:
        model = self.model
        items = [item for item in self.train[user].nonzero()[:, 0].tolist() if item != without]
        seen = [model.item_opinion(torch.cat([model.items[item], model.opinion])) for item in items]
        return slow_pool(model.of_items, model.users[user], model.users[user], seen, [1.0] * len(seen))

    def user(self, user: int, without: int = -1) -> Tensor:
        friends = self.social[user].nonzero()[:, 0].tolist()
        tastes, weights = [self.taste(friend) for friend in friends], self.social[user][friends].tolist()
        attention, own = self.model.of_friends, self.model.users[user]
        found: Tensor = self.model.user_head(slow_pool(attention, own, self.taste(user, without), tastes, weights))
        return found

    def item(self, item: int, without: int = -1) -> Tensor:
        model = self.model
        users = [user for user in self.train[:, item].nonzero()[:, 0].tolist() if user != without]
        seen = [model.user_opinion(torch.cat([model.users[user], model.opinion])) for user in users]
        own = model.items[item]
        found: Tensor = model.item_head(slow_pool(model.of_users, own, own, seen, [1.0] * len(seen)))
        return found


@torch.no_grad()
@pytest.mark.usefixtures("nothing_dropped")
def test_graphrec_is_its_equation_and_leaves_the_positive_out_in_training(
    task: Task, generator: torch.Generator
) -> None:
    model, batch = graphrec.GraphRec(task, generator), batch_of(task)
    slow = SlowGraphRec(model, task)
    users, items = model.embed()
    torch.testing.assert_close(users, torch.stack([slow.user(user) for user in range(USERS)]), **NEAR)
    torch.testing.assert_close(items, torch.stack([slow.item(item) for item in range(ITEMS)]), **NEAR)
    rows = model.rows(batch, torch.Generator().manual_seed(3))
    without = model.buyers.drawn(batch.negatives, torch.Generator().manual_seed(3)).tolist()
    pairs = [tuple(int(part) for part in triple) for triple in zip(*batch, strict=True)]
    torch.testing.assert_close(rows[0], torch.stack([slow.user(u, i) for u, i, _ in pairs]), **NEAR)
    torch.testing.assert_close(rows[1], torch.stack([slow.item(i, u) for u, i, _ in pairs]), **NEAR)
    lost = [slow.item(j, buyer) for (_, _, j), buyer in zip(pairs, without, strict=True)]
    torch.testing.assert_close(rows[2], torch.stack(lost), **NEAR)


def test_sessions_hold_each_interaction_once_and_the_last_is_full(
    task: Task, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dgrec, "LONGEST", 3)
    sessions, coo = dgrec.Sessions.of(task.train, generator), task.train.tocoo()
    assert sessions.keys.tolist() == (coo.row.astype(np.int64) * ITEMS + coo.col).tolist()
    assert torch.equal(sessions.items[sessions.session, sessions.place], torch.as_tensor(coo.col.astype(np.int64)))
    assert len(torch.unique(sessions.session * 3 + sessions.place)) == task.train.nnz
    owner = torch.searchsorted(sessions.last, sessions.session)
    assert owner.tolist() == coo.row.tolist()
    counts = np.diff(task.train.indptr)
    assert sessions.lengths[sessions.last].tolist() == np.minimum(counts, 3).tolist()
    assert sessions.lengths.sum() == task.train.nnz
    assert not torch.equal(sessions.items, dgrec.Sessions.of(task.train, generator).items)


class SlowDGRec:
    """The equations, one session, friend and place at a time."""

    def __init__(self, model: dgrec.DGRec, sessions: dgrec.Sessions, task: Task, known: list[Tensor]) -> None:
        self.model, self.sessions, self.social, self.known = model, sessions, dense(task.social), known

    def state(self, session: int, places: int) -> Tensor:
        lstm, hidden, cell = self.model.lstm, torch.zeros(WIDTH), torch.zeros(WIDTH)
        for item in self.sessions.items[session, :places].tolist():
            gates = lstm.weight_ih_l0 @ self.model.items[item] + lstm.bias_ih_l0
            gates = gates + lstm.weight_hh_l0 @ hidden + lstm.bias_hh_l0
            enter, forget, new, leave = gates.chunk(4)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
            hidden = torch.sigmoid(leave) * torch.tanh(cell)
        return hidden

    def latest(self, user: int) -> Tensor:
        session = int(self.sessions.last[user])
        return self.state(session, int(self.sessions.lengths[session]))

    def attend(self, query: Tensor, keys: list[Tensor], weights: list[float]) -> Tensor:
        shares = slow_shares([query @ key for key in [*keys, query]], [*weights, 1.0])
        return sum((share * key for share, key in zip(shares, [*keys, query], strict=True)), torch.zeros(WIDTH))

    def friends(self, user: int, without: int = -1) -> tuple[list[int], list[float]]:
        found = [friend for friend in self.social[user].nonzero()[:, 0].tolist() if friend != without]
        return found, self.social[user][found].tolist()

    def layer(self, user: int, query: Tensor, without: int = -1) -> Tensor:
        friends, weights = self.friends(user, without)
        mixed = self.attend(query, [self.known[friend] for friend in friends], weights)
        return torch.relu(self.model.first.weight @ mixed)

    def embedding(self, user: int, state: Tensor) -> Tensor:
        friends, weights = self.friends(user)
        deeper = [self.layer(friend, self.known[friend], without=user) for friend in friends]
        social = self.model.second.weight @ self.attend(self.layer(user, state), deeper, weights)
        return self.model.out.weight @ torch.cat([state, social]) + self.model.out.bias


@torch.no_grad()
@pytest.mark.usefixtures("nothing_dropped")
def test_dgrec_is_its_equation_and_reads_only_what_stands_before(
    task: Task, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dgrec, "LONGEST", 3)
    model, batch = dgrec.DGRec(task, generator), batch_of(task)
    for sessions, trained in ((model.kept_sessions, False), (None, True)):
        if trained:
            model.begin_epoch(generator)
        slow = SlowDGRec(model, sessions or model.sessions, task, [])
        latest = [slow.latest(user) for user in range(USERS)]
        for user in range(USERS):
            long = torch.relu(model.long.weight @ model.users[user] + model.long.bias)
            short = torch.relu(model.short.weight @ latest[user] + model.short.bias)
            slow.known.append(torch.cat([long, short]))
        if trained:
            torch.testing.assert_close(model.latest, torch.stack(latest), **NEAR)
            places = zip(model.sessions.session.tolist(), model.sessions.place.tolist(), strict=True)
            states = [slow.state(session, place) for session, place in places]
            pairs = zip(batch.users.tolist(), states, strict=True)
            expected = torch.stack([slow.embedding(user, state) for user, state in pairs])
            torch.testing.assert_close(model.rows(batch, generator)[0], expected, **NEAR)
        else:
            expected = torch.stack([slow.embedding(user, latest[user]) for user in range(USERS)])
            torch.testing.assert_close(model.embed()[0], expected, **NEAR)
            assert torch.equal(model.embed()[1], model.items)


def test_friends_asked_in_training_are_drawn_every_epoch(
    task: Task, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dgrec, "FRIENDS", 2)
    model = dgrec.DGRec(task, generator)
    model.begin_epoch(generator)
    first = model.friends[0].members
    model.begin_epoch(generator)
    assert model.friends[0].starts.diff().max() == 2
    assert not torch.equal(first, model.friends[0].members)

"""What came since a fit: in the model as if by a fit, whatever its order; all else stays as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recdiff.audit.decisions import EDGE, taken
from recdiff.data.dataset import SocialDataset
from recdiff.errors import DataError, UsageError
from recdiff.estimator import RecDiff
from recdiff.graph.social_graph import SocialGraph
from recdiff.model.edge_table import counts
from recdiff.scorer.growth import column
from recdiff.update.larger import Larger
from recdiff.update.rows import Asked, Rows
from tests.update.quick import USERS, copy, fit, frame, frames

DIRECTED = pytest.mark.parametrize("directed", [False, True])


def new_edges(model: RecDiff, count: int = 40) -> np.ndarray:
    """Return edges that the model does not have: most between its users, ten of them with newcomers, who are odd."""
    rng = np.random.default_rng(8)
    pairs = 2 * rng.integers(0, USERS, (4 * count, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    fitted = model.fitted_
    known = fitted.rows_of(np.stack([fitted.users.index(pairs[:, side]) for side in (0, 1)], axis=1)) >= 0
    found = pairs[~known][: count - 10]
    return np.concatenate([found, np.stack([2 * rng.integers(0, 4, 10) + 1, 2 * np.arange(10)], axis=1)])


def new_items() -> dict[str, pa.Array]:
    return {"user_id": pa.array([1, 1, 3, 0, 301]), "item_id": pa.array([2, 3, 17, 59, 4])}


def content(model: RecDiff) -> dict[str, Any]:
    """Return everything that a model is made of."""
    artifact = model.fitted_.to_artifact(model.config_)
    arrays = {name: (each.dtype.str, each.shape, each.tobytes()) for name, each in artifact.arrays.items()}
    return arrays | {
        "edges": artifact.edges.to_pydict(),
        "users": artifact.users.values.to_pylist(),
        "calibration": artifact.calibration,
    }


@DIRECTED
def test_nothing_new_changes_nothing(directed: bool) -> None:
    model = copy(fit(directed))
    social, interactions = frames()
    model.update(social, interactions)
    assert model.fitted_ is fit(directed).fitted_


@DIRECTED
def test_the_order_of_rows_does_not_matter(directed: bool) -> None:
    edges, items = new_edges(fit(directed)), new_items()
    turned = edges[::-1] if directed else np.concatenate([edges[::-1], edges[:5]])
    one = copy(fit(directed)).update(frame(edges), items)
    other = copy(fit(directed)).update(frame(turned), {name: each[::-1] for name, each in items.items()})
    for model in (one, other):
        model.fitted_.calibration["updates"].pop("last")
    assert content(one) == content(other)


@DIRECTED
def test_scores_of_fitted_edges_and_rows_of_others_stay(directed: bool) -> None:
    model = copy(fit(directed))
    before = model.fitted_
    edges = new_edges(model)
    model.update(frame(edges))
    after = model.fitted_
    old = after.edges.slice(0, len(before.edges))
    assert old["fake_score"].equals(before.edges["fake_score"])
    assert before.users.take(before.pairs[:, 0]).equals(after.users.take(old["src"].to_numpy()))
    still = np.setdiff1d(before.users.values.to_numpy(), edges)
    places = [each.users.index(pa.array(still)) for each in (before, after)]
    assert np.array_equal(before.table[places[0]], after.table[places[1]])
    assert len(after.users) == len(before.users) + len(np.unique(edges[edges % 2 == 1]))


@DIRECTED
def test_what_is_counted_of_edges_is_what_a_fit_would_count(directed: bool) -> None:
    before = fit(directed).fitted_
    everything = {"user_id": pa.array(np.zeros(60, np.int64)), "item_id": pa.array(range(60))}
    model = copy(fit(directed)).update(frame(new_edges(fit(directed))), everything)
    fitted = model.fitted_
    wanted = counts(fitted.pairs, fitted.graph, fitted.seen)
    for name in ("common_friends", "degree_src", "degree_dst"):
        assert fitted.edges[name].to_pylist() == wanted[name].to_pylist(), name
    # Fits count training interactions alone; what has come since is added to that.
    old, anew = before.edges["shared_items"].to_numpy(), wanted["shared_items"].to_numpy()
    more = anew[: len(old)] - counts(before.pairs, before.graph, before.seen)["shared_items"].to_numpy()
    assert more.any()
    assert fitted.edges["shared_items"].to_pylist() == [*(old + more), *anew[len(old) :]]


@DIRECTED
def test_an_update_of_a_saved_model_is_that_of_the_model(directed: bool, tmp_path: Path) -> None:
    fit(directed).save(tmp_path / "model")
    edges = new_edges(fit(directed))
    loaded, held = RecDiff.load(tmp_path / "model"), copy(fit(directed))
    assert content(loaded.update(frame(edges), new_items())) == content(held.update(frame(edges), new_items()))


@DIRECTED
def test_two_updates_are_counted_together(directed: bool) -> None:
    edges = new_edges(fit(directed))
    model = copy(fit(directed)).update(frame(edges[:30])).update(frame(edges[30:]), new_items())
    found = model.fitted_.calibration["updates"]
    assert (found["updates"], found["edges"], found["interactions"]) == (2, 40, 5)
    assert found["users"] == len(np.unique(np.append(edges[edges % 2 == 1], [1, 3, 301])))
    assert len(model.fitted_.growth.weight) == len(model.fitted_.edges)  # type: ignore[union-attr]


@DIRECTED
def test_interactions_may_come_alone(directed: bool) -> None:
    before = fit(directed).fitted_
    model = copy(fit(directed)).update(interactions=new_items())
    assert model.fitted_.edges["fake_score"].equals(before.edges["fake_score"])
    assert len(model.fitted_.users) == len(before.users) + 3
    assert model.fitted_.seen.nnz == before.seen.nnz + model.fitted_.calibration["updates"]["interactions"]
    assert 0.0 <= model.score_edges([301], [0])[0] <= 1.0


def test_newcomers_are_served_like_all_others() -> None:
    model = copy(fit(False)).update(frame(new_edges(fit(False))), new_items())
    table = model.recommend([1, 301, 7], k=3)
    assert table["user_id"].to_pylist() == [1] * 3 + [301] * 3 + [7] * 3
    assert not set(table["item_id"].to_pylist()[:3]) & {2, 3}
    told = model.explain_recommendations(table)
    assert told["because_items"][0].as_py() != "[]"
    assert model.recommend_new(friends=[1], k=2).num_rows == 2
    edge = model.edges_.slice(model.edges_.num_rows - 1, 1).to_pylist()[0]
    assert model.explain_edge(edge["src"], edge["dst"])
    assert model.denoise().shape[0] == len(model.fitted_.users) == model.accounts_.num_rows
    kept, removed, _ = model.clean_edges(0.5)
    assert kept.num_rows + removed.num_rows == model.edges_.num_rows
    for verdict, gone in (("real", False), ("fake", True)):
        decided = [taken(EDGE, str(edge["src"]), str(edge["dst"]), verdict, "seen", who="me")]
        _, removed, _ = model.clean_edges(0.5, decisions=decided)
        pairs = zip(removed["src"].to_pylist(), removed["dst"].to_pylist(), strict=True)
        assert ((edge["src"], edge["dst"]) in pairs) is gone


def test_a_recommender_adds_up_for_everybody_touched() -> None:
    model = copy(fit(False)).update(frame(new_edges(fit(False))), new_items())
    fitted = model.fitted_
    assert fitted.recommender is not None
    friends = fitted.graph.adjacency()
    for raw in (0, 1, 301, 298):
        user = int(fitted.users.index([raw])[0])
        told = fitted.recommender.explain(user, 5, fitted.trained[[user]].indices, friends[[user]].indices)
        score = float(fitted.recommender.user_table[user] @ fitted.recommender.item_table[5])
        assert told.total == pytest.approx(score, abs=1e-4)


def larger_of(directed: bool, split: np.ndarray | None = None, unknown: int | None = None) -> Larger:
    """Return the fitted graph with the edges ``split`` as if they came since, and one user as if unknown."""
    fitted = fit(directed).fitted_
    assert fitted.growth is not None
    late = np.zeros(len(fitted.edges), bool) if split is None else split
    known = np.ones(len(fitted.users), bool)
    table = fitted.table.copy()
    if unknown is not None:
        known[unknown], table[unknown] = False, 0
    users = np.array([], np.int64) if unknown is None else np.array([unknown])
    return Larger(
        graph=SocialGraph(np.concatenate([fitted.pairs[~late], fitted.pairs[late]]), len(fitted.users), directed),
        times=None,
        fitted=int((~late).sum()),
        known=known,
        users=users,
        used=fitted.seen[users],
        fraction=0.7,
        at={name: (int(first), int(last)) for name, (first, last) in fitted.calibration["columns"].items()},
        table=table,
        growth=replace(fitted.growth, weight=fitted.growth.weight[~late]),
    )


@DIRECTED
def test_a_user_who_comes_late_gets_nearly_the_row_of_the_fit(directed: bool) -> None:
    fitted = fit(directed).fitted_
    assert fitted.growth is not None
    alike = []
    for user in (3, 40, 99):
        late = (fitted.pairs == user).any(axis=1)
        larger = larger_of(directed, late, user)
        rows = Rows(larger, fit(directed).config_.scorer, fitted.growth.weight[late].astype(np.float64))
        place = int(rows.place[user])
        found, wanted = rows.all()[0][place], fitted.table[user]
        for name in ("degree", "near", "lack", "quiet", *(("out", "into", "asked") if directed else ())):
            one, other = (column(each[None], larger.at, name)[0, 0] for each in (found, wanted))
            assert one == pytest.approx(other, abs=0.15), name
        names = ("unit", "unit_out", "unit_into") if directed else ("unit",)
        both = [[column(each[None], larger.at, name)[0] for each in (found, wanted)] for name in names]
        alike += [float(one @ other) for one, other in both]
    assert min(alike) > 0.9


@DIRECTED
def test_a_row_without_an_edge_is_that_of_a_graph_without_it(directed: bool) -> None:
    fitted = fit(directed).fitted_
    assert fitted.growth is not None
    late = np.zeros(len(fitted.edges), bool)
    late[[5, 77, 300]] = True
    config, weight = fit(directed).config_.scorer, np.array([1.0, 0.5, 0.25])
    rows = Rows(larger_of(directed, late), config, weight)
    found = rows.table(rows.leaving_out(np.array([1]), 0))[0]
    user = int(rows.larger.new[1, 0])
    # The graph of the others: the edge in question, and its reverse where there is one, are not in it.
    pair = set(rows.larger.new[1].tolist())
    gone = np.array([set(each) == pair for each in fitted.pairs.tolist()])
    if gone.sum() > 1:
        pytest.skip("its reverse is an edge of the fit")
    larger = larger_of(directed, late)
    graph = replace(larger.graph, edges=np.delete(larger.graph.edges, larger.fitted + 1, axis=0))
    without = replace(larger, graph=graph, users=np.array([user]), used=fitted.seen[[user]])
    other = Rows(without, config, weight[[0, 2]])
    wanted = other.table(Asked.whole(len(other.touched)))[int(other.place[user])]
    same = ["degree", "unit", "norm", "length", "pull", "quiet"]
    same += ["out", "into", "unit_out", "unit_into", "pull_out", "pull_into"] if directed else []
    for name in same:
        one, two = (column(each[None], larger.at, name)[0] for each in (found, wanted))
        assert one == pytest.approx(two, abs=5e-3), name


def test_what_cannot_be_taken_in_is_left_out_and_counted() -> None:
    social = frames()[0]
    first = [int(social[end][0].as_py()) for end in ("src", "dst")]
    edges = np.array([first, first[::-1], [0, 0], [1, 0], [0, 1], [1, 0]])
    items = {"user_id": pa.array([1, 1, 0]), "item_id": pa.array([7, 7, 999])}
    model = copy(fit(False)).update(frame(edges), items)
    assert model.fitted_.calibration["updates"]["last"] == {
        "edges": 1,
        "users": 1,
        "interactions": 1,
        "left_out": {
            "self_ties": 1,
            "duplicate_edges": 1,
            "merged_edges": 2,
            "known_edges": 1,
            "unknown_items": 1,
            "repeated_interactions": 1,
        },
    }
    assert model.edges_.slice(model.edges_.num_rows - 1)["src"].to_pylist() == [0]


def test_data_that_cannot_be_used_are_refused_by_file_row_and_value(tmp_path: Path) -> None:
    model = copy(fit(False))
    file = tmp_path / "new.csv"
    file.write_text("src,dst\n1,2\nx7,4\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"new\.csv, row 3, column 'src': 'x7' is no whole number"):
        model.update(file)
    file.write_text("src,dst\n1,2\n,4\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"new\.csv, row 3.*empty"):
        model.update(file)
    with pytest.raises(DataError, match="no such file"):
        model.update(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="the social frame, row 1, column 'dst': '007' is no whole number"):
        model.update({"src": ["1", "3"], "dst": ["2", "007"]})
    with pytest.raises(UsageError, match="needs edges, interactions or both"):
        model.update()
    assert model.fitted_ is fit(False).fitted_


def test_models_that_cannot_grow_say_why() -> None:
    new = frame(np.array([[1, 0]]))
    older = copy(fit(False))
    older.fitted_ = replace(older.fitted_, growth=None)
    with pytest.raises(UsageError, match="earlier version"):
        older.update(new)
    published = copy(fit(False))
    published.config_ = replace(published.config_, preset="paper")
    with pytest.raises(UsageError, match="preset paper takes no updates"):
        published.update(new)
    unscored = copy(fit(False))
    unscored.fitted_ = replace(unscored.fitted_, calibration={"unscored": "3 social edges cannot show it"})
    with pytest.raises(DataError, match="scores no edges"):
        unscored.update(new)


def test_edges_of_a_model_with_times_need_theirs() -> None:
    model = copy(fit(False))
    fitted = model.fitted_
    timed = fitted.edges.append_column("tied_at", pa.array(np.arange(len(fitted.edges), dtype=np.float64)))
    model.fitted_ = replace(fitted, edges=timed)
    with pytest.raises(DataError, match="no column tied_at"):
        model.update(frame(np.array([[1, 0]])))
    model.update({"src": [1, 1], "dst": [0, 0], "tied_at": [9e9, 8e9]})
    assert model.fitted_.edges["tied_at"][-1].as_py() == 8e9


def test_a_model_without_interactions_grows_by_edges_alone() -> None:
    dataset = SocialDataset.from_frames(frames()[0], directed=False)
    from tests.update.quick import QUICK

    model = RecDiff(device="cpu", **QUICK).fit(dataset)
    with pytest.raises(DataError, match="fitted without interactions"):
        model.update(interactions={"user_id": [0], "item_id": [1]})
    model.update({"src": [1], "dst": [0]})
    assert model.score_edges([1], [0])[0] == model.edges_["fake_score"][-1].as_py()


def test_what_people_said_stays_with_its_edges() -> None:
    model = copy(fit(False))
    from recdiff.audit.edges import audited

    rows = np.arange(60)
    model.fitted_, _ = audited(model.fitted_, rows, model.fitted_.scores[rows] > 0.2, 0.5)
    model.update(frame(new_edges(fit(False))))
    told = model.fitted_.told
    assert told.answers is not None
    assert told.blind is not None
    assert (told.answers[:60] >= 0).all()
    assert (told.answers[60:] == -1).all()
    assert len(told.blind) == len(model.fitted_.edges)

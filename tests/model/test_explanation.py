"""Why an edge got its score, in words: no sentence contradicts the verdict, and the parts add up."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recdiff.config import Config
from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.errors import UsageError
from recdiff.estimator import RecDiff
from recdiff.model.contributions import Contributions
from recdiff.model.explained import Explainer
from recdiff.model.explanation import evidence_words, explain_edge

ROW = {
    "fake_score": 0.93,
    "kind": "degree",
    "common_friends": 1,
    "shared_items": 0,
    "degree_src": 1200,
    "degree_dst": 7,
    "movement": 1.3,
}
FOUND = Contributions(-2.0, {"place": -0.8, "degree": 0.02, "taste": 1.0, "unseen": 4.36}, 2.58)


def test_everything_known_is_said() -> None:
    assert explain_edge("ann", "bob", ROW, 0.2, found=FOUND, names=(["cy"], [])) == [
        "ann - bob: fake_score 0.930, almost certainly fake (the whole graph's level is 0.200).",
        "It looks most like an edge between two well-connected people who have nothing to do with each other (degree).",
        "Speaks for fake (+4.36): what networks make of it that never saw this edge.",
        "Speaks for fake (+1.00): they share no item.",
        "Although this speaks for real (-0.80): the two have 1 friend in common (cy).",
        "Says little (+0.02): the two have 1,200 and 7 edges.",
        "Log odds: -2.00 for edges on average - 0.80 + 0.02 + 1.00 + 4.36 = 2.58.",
    ]


def test_what_is_not_known_is_left_out() -> None:
    row = {"fake_score": 0.1, "kind": "uniform", "common_friends": None, "movement": None}
    assert explain_edge(1, 2, row, 0.2) == [
        "1 - 2: fake_score 0.100, probably real (the whole graph's level is 0.200)."
    ]


def test_evidence_takes_no_side() -> None:
    assert evidence_words(ROW) == "the two have 1 friend in common; they share no item"


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (0.95, "almost certainly fake"),
        (0.6, "more likely fake than real"),
        (0.45, "more likely real than fake, but more suspicious than most"),
        (0.3, "probably real"),
    ],
)
def test_a_score_is_read_against_the_graph(score: float, words: str) -> None:
    assert words in explain_edge(1, 2, {"fake_score": score}, 0.2)[0]


def test_a_thousand_edges_are_explained_without_contradiction(fitted: RecDiff) -> None:
    model = fitted.fitted_
    explainer, users = Explainer(model), model.users.values.to_pylist()
    scores = np.asarray(model.edges["fake_score"].to_numpy())
    rows = np.unique([*np.argsort(-scores)[:300], *np.linspace(0, len(scores) - 1, 900).astype(int)])[:1000]
    sides = {"fake": 0, "real": 0}
    for row in rows:
        pair = model.pairs[[row]]
        ends = users[pair[0, 0]], users[pair[0, 1]]
        lines = explainer.lines(*ends, pair)
        fake = bool(scores[row] >= 0.5)
        for line in lines[1:-1]:
            spoken = re.search(r"speaks for (fake|real) \(([+-]\d+\.\d+)\)", line, re.IGNORECASE)
            if spoken is None:
                assert line.startswith(("Says little", "It looks most like"))
                continue
            side, added = spoken[1], float(spoken[2])
            sides[side] += 1
            assert (added > 0) is (side == "fake")
            assert line.startswith("Although") is ((side == "fake") is not fake)
        found = explainer.parts(pair)
        assert found is not None
        assert abs(found.base + sum(found.parts.values()) - found.total) < 1e-6
        assert abs(1 / (1 + np.exp(-found.total)) - scores[row]) < 1e-5
        for name in re.findall(r"in common \(([^)]*?)(?: and \d+ more)?\)", " ".join(lines)):
            for friend in name.split(", "):
                near = {(friend, end) in _pairs(model) or (end, friend) in _pairs(model) for end in ends}
                assert near == {True}
    assert len(rows) >= 900
    assert min(sides.values()) > 100


def _pairs(model: object, held: dict[int, set[tuple[str, str]]] = {}) -> set[tuple[str, str]]:  # noqa: B006
    if id(model) not in held:
        users = model.users.values.to_pylist()  # type: ignore[attr-defined]
        held[id(model)] = {(users[a], users[b]) for a, b in model.pairs.tolist()}  # type: ignore[attr-defined]
    return held[id(model)]


def test_one_edge_takes_less_than_a_second(fitted: RecDiff) -> None:
    src, dst = fitted.edges_["src"][0].as_py(), fitted.edges_["dst"][0].as_py()
    start = time.process_time()
    lines = fitted.explain_edge(src, dst)
    assert time.process_time() - start < 1.0
    assert lines[0].startswith(f"{src} - {dst}: fake_score")


def test_a_pair_that_is_no_edge_is_explained_by_the_whole_graph(fitted: RecDiff) -> None:
    model = fitted.fitted_
    pair = np.array([[0, next(each for each in range(1, 50) if model.rows_of(np.array([[0, each]]))[0] < 0)]])
    found = Explainer(model).parts(pair)
    assert found is not None
    assert abs(found.parts["unseen"]) < 1e-4


def test_an_edge_of_a_user_with_itself_is_refused(fitted: RecDiff) -> None:
    one = fitted.fitted_.users.values[0].as_py()
    with pytest.raises(UsageError, match=f"'{one}' twice: an edge joins two different users"):
        fitted.explain_edge(one, one)


DAY = 86_400


@pytest.fixture(scope="module")
def answering(sample_folder: Path) -> RecDiff:
    """A model of the sample's edges with directions, every second of which was answered three days later."""
    dataset = SocialDataset.read(sample_folder)
    src, dst = (dataset.users.take(dataset.edges[:, side]) for side in (0, 1))
    social = pa.concat_tables(
        [
            pa.table({"src": src, "dst": dst, "tied_at": np.zeros(len(src))}),
            pa.table({"src": dst[::2], "dst": src[::2], "tied_at": np.full(len(dst[::2]), 3.0 * DAY)}),
        ]
    )
    config = replace(Config(), scorer=ScorerConfig(folds=2, divisions=1, rounds=1))
    return RecDiff(device="cpu", config=config).fit(SocialDataset.from_frames(social, directed=True))


def test_an_edge_is_explained_by_its_answer(answering: RecDiff) -> None:
    """What an answer says is a part of its own, and no longer of what networks make of an edge that they never saw."""
    fitted, unseen, answers = answering.fitted_, {True: [], False: []}, {True: [], False: []}
    explainer = Explainer(fitted)
    for pair in fitted.pairs[:40]:
        answered = bool(fitted.rows_of(pair[None, ::-1])[0] >= 0)
        found = explainer.parts(pair[None])
        assert found is not None
        assert found.base + sum(found.parts.values()) == pytest.approx(found.total, abs=1e-4)
        unseen[answered].append(found.parts["unseen"])
        answers[answered].append(found.parts["answers"])
        lines = "\n".join(answering.explain_edge(*fitted.users.take(pair).to_pylist()))
        assert ("an edge leads back, 3 days apart" in lines) == answered
        assert ("no edge leads back" in lines) == (not answered)
    assert np.mean(answers[False]) > np.mean(answers[True]) + 1.0
    assert abs(np.mean(unseen[False]) - np.mean(unseen[True])) < 0.5


def test_of_an_edge_that_is_not_there_nobody_knows_the_answer(answering: RecDiff) -> None:
    fitted = answering.fitted_
    pairs = np.stack(np.triu_indices(60, 1), axis=1)
    pair = pairs[fitted.rows_of(pairs) < 0][[0]]
    found = Explainer(fitted).parts(pair)
    assert found is not None
    assert found.parts["unseen"] == pytest.approx(0.0, abs=1e-3)


def test_items_are_named_where_they_are_counted(fitted: RecDiff) -> None:
    model, edges = Explainer(fitted.fitted_), fitted.edges_.slice(0, 200).to_pylist()
    for row, pair in zip(edges, fitted.fitted_.pairs, strict=False):
        friends, items = (len(each) for each in model.common(pair[None]))
        said = " ".join(fitted.explain_edge(row["src"], row["dst"]))
        assert ("they share no item" in said) == (items == 0)
        assert ("the two have no friend in common" in said) == (friends == 0)

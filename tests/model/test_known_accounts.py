"""Labels of accounts: what they say of edges, what a fit makes of them, and that a model folder keeps them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from recdiff.audit.decisions import taken
from recdiff.config import Config
from recdiff.config.scorer import EvidenceConfig, ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.data.ids import Ids
from recdiff.errors import DataError
from recdiff.estimator import RecDiff
from recdiff.fit import told_of
from recdiff.model.explained import Explainer
from recdiff.model.known import known_accounts
from recdiff.update.grown import updated
from tests.accounts.towns import town

QUICK = Config(
    device="cpu", scorer=ScorerConfig(folds=2, rounds=1, divisions=1, evidence=EvidenceConfig(denoising="none"))
)

QUICKER = RecDiff(config=replace(QUICK, final="train"), recommender__steps=1)


def ringed() -> tuple[SocialDataset, np.ndarray]:
    """Return a town with rings and no interactions, and who is in a ring."""
    made = town(users=600, rings=2, seed=1)
    none = sp.csr_matrix((len(made.ring), 0), dtype=np.float32)
    users = Ids(pa.array([f"user-{number:04d}" for number in range(len(made.ring))]))
    items = Ids(pa.array([], pa.string()))
    dataset = SocialDataset(users, items, none, none, none, made.edges, directed=False, mirrored=False)
    dataset = replace(dataset, edge_times=np.arange(len(made.edges), dtype=np.float64))
    return dataset, made.ring >= 0


@pytest.mark.parametrize("with_real", [True, False])
def test_a_fit_uses_account_labels_says_so_and_keeps_them(with_real: bool, tmp_path: Path) -> None:
    dataset, fake = ringed()
    ids = np.array(dataset.users.values.to_pylist(), dtype=object)
    chosen = np.concatenate([np.flatnonzero(fake)[::4], np.flatnonzero(~fake)[::30] if with_real else []]).astype(int)
    model = RecDiff(config=QUICK).fit(dataset, account_labels=([*ids[chosen], "nobody"], [*fake[chosen], True]))
    facts = model.fitted_.calibration["account_labels"]
    assert (facts["fake"], facts["real"]) == (fake[chosen].sum(), (~fake[chosen]).sum())
    assert facts["blind_auc"] > 0.9
    accounts = model.accounts_
    said = dict(zip(accounts["user_id"].to_pylist(), accounts["account_score"].to_pylist(), strict=True))
    assert all(said[name] > 0.99 for name in ids[chosen[fake[chosen]]])
    model.save(tmp_path / "model")
    loaded = RecDiff.load(tmp_path / "model")
    assert loaded.accounts_.equals(accounts)
    times = loaded.groups_.select(["first", "last"]).slice(0, 1).to_pylist()[0]
    assert 0 <= times["first"] < times["last"] < len(dataset.edges)
    blind = RecDiff(config=QUICK).fit(dataset)
    taught, plain = (each.score_edges()[fake[dataset.edges].any(axis=1)].mean() for each in (model, blind))
    assert taught > plain


def test_new_edges_of_a_labelled_account_are_suspicious_and_name_it() -> None:
    dataset, fake = ringed()
    ids = dataset.users.values.to_pylist()
    labelled = [ids[user] for user in np.flatnonzero(fake)[::2]]
    model = RecDiff(config=QUICK).fit(dataset, account_labels=(labelled, [True] * len(labelled)))
    real = [ids[user] for user in np.flatnonzero(~fake)[::60]]
    new = pa.table(
        {"src": [*labelled[:5], *real[:5]], "dst": [f"new-{number}" for number in range(10)], "tied_at": [1e6] * 10}
    )
    grown, _ = updated(model.fitted_, QUICK, new, None)
    scores = grown.scores[-10:]
    assert scores[:5].min() > scores[5:].max()
    place = [*grown.users.values.to_pylist()].index(labelled[0])
    pair = np.array([[place, len(grown.users) - 1]])
    found = Explainer(grown).parts(pair)
    assert found is not None
    assert found.parts["accounts"] > 1.0


def test_a_folder_of_a_model_without_account_labels_gives_blind_accounts(model_folder: Path) -> None:
    fitted = RecDiff.load(model_folder).fitted_
    assert fitted.told.accounts is None
    assert set(fitted.accounts.parts) == {"usage", "group", "edges", "share"}
    known = np.full(len(fitted.users), -1, np.int8)
    known[0] = 1
    assert "labels" in replace(fitted, told=replace(fitted.told, accounts=known)).accounts.parts


def test_decided_accounts_are_labels_of_the_next_fit(tmp_path: Path) -> None:
    dataset, fake = ringed()
    ids = dataset.users.values.to_pylist()
    said = {ids[row]: bool(fake[row]) for row in [*np.flatnonzero(fake)[::4], *np.flatnonzero(~fake)[::30]]}
    other = [taken("account", name, "", verdict) for name, verdict in (("nobody", "fake"), (ids[1], "fake"))]
    decisions = [taken("account", name, "", "fake" if bad else "real") for name, bad in said.items()]
    decisions = [*other, taken("account", ids[1], "", "unsure"), *decisions]
    model = RecDiff(config=QUICK).fit(dataset, decisions=decisions)
    labels = known_accounts(dataset, list(said), list(said.values()))
    np.testing.assert_array_equal(model.fitted_.told.known_accounts(), labels)
    facts = model.fitted_.calibration["account_decisions"]
    assert facts == {"fake": sum(said.values()), "real": len(said) - sum(said.values())}
    accounts = model.accounts_
    score = dict(zip(accounts["user_id"].to_pylist(), accounts["account_score"].to_pylist(), strict=True))
    assert all(score[name] > 0.99 if bad else score[name] < 0.01 for name, bad in said.items())
    model.save(tmp_path / "model")
    assert RecDiff.load(tmp_path / "model").accounts_.equals(accounts)
    both = told_of(dataset, None, [taken("account", name, "", "real") for name in said], labels).known_accounts()
    assert both is not None  # What was decided goes before labels.
    assert set(both[labels >= 0].tolist()) == {0}


def test_after_decisions_and_a_fit_the_queue_of_accounts_holds_more_fakes(
    sample_folder: Path, sample_dataset: SocialDataset
) -> None:
    dataset, names = sample_dataset, sample_dataset.users.values.to_pylist()
    truth = pq.read_table(sample_folder / "truth.parquet")
    ends = np.stack([dataset.users.index(truth[end]) for end in ("src", "dst")], axis=1)
    real = ends[~truth["is_fake"].to_numpy(zero_copy_only=False)]
    fake = ~np.isin(np.arange(len(names)), real)  # A planted account has no tie that is real.
    known = np.flatnonzero(fake)[::2]
    decisions = [taken("account", names[user], "", "fake") for user in known]
    blind, taught = (QUICKER.fit(dataset, decisions=each).fitted_.accounts.log_odds for each in ([], decisions))

    def found(odds: np.ndarray, count: int) -> int:
        queue = np.argsort(-odds, kind="stable")
        return int(fake[queue[~np.isin(queue, known)][:count]].sum())

    assert found(taught, 10) > found(blind, 10)
    assert found(taught, 40) > found(blind, 40)


@pytest.mark.parametrize(
    ("ids", "is_fake", "words"),
    [
        (["user-0001"], [1, 0], "1 ids and 2 labels"),
        (["user-0001", "user-0001"], [1, 0], "'user-0001' is labelled both fake and real"),
        (["user-0001", "nobody"], [0, 1], "1 of 2 ids are users of the data, none of them fake"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(ids: list[str], is_fake: list[int], words: str) -> None:
    with pytest.raises(DataError, match=words):
        known_accounts(ringed()[0], ids, is_fake)

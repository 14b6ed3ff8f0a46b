"""A model with a blend: saved and loaded it ranks the same, damage is named, everybody is served and told why."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from recdiff.blend.blend import Blend, counts
from recdiff.blend.names import EASE, OURS, POPULARITY, WALKS
from recdiff.errors import ArtifactError
from recdiff.estimator import RecDiff
from recdiff.model.checked import fitted_of
from recdiff.model.folder import Artifact
from tests.update.quick import ITEMS, copy, fit, frame

MIXED = {OURS: 0.4, WALKS: 0.25, EASE: 0.25, POPULARITY: 0.1}
ALONE = [{WALKS: 1.0}, {EASE: 1.0}, {POPULARITY: 1.0}]
SETTINGS: Mapping[str, Mapping[str, float]] = {WALKS: {"alpha": 0.6, "beta": 0.2}, EASE: {"ridge": 20.0}}


def blended(weights: Mapping[str, float] = MIXED) -> RecDiff:
    """Return a quick model with this blend."""
    model = copy(fit(False))
    fitted = model.fitted_
    settings = {name: each for name, each in SETTINGS.items() if name in weights}
    popularity = counts(fitted.trained) if POPULARITY in weights else None
    blend = Blend(weights, settings, popularity=popularity).refitted(fitted.trained)
    model.fitted_ = replace(fitted, blend=blend, judged_blend=None if fitted.judged is None else blend)
    return model


def test_saved_and_loaded_it_ranks_the_same_bit_for_bit(tmp_path: Path) -> None:
    model = blended()
    model.save(tmp_path / "model")
    again = RecDiff.load(tmp_path / "model")
    assert again.recommend(k=ITEMS).equals(model.recommend(k=ITEMS))
    assert not again.recommend(k=5).equals(fit(False).recommend(k=5))
    one, other = (each.fitted_.judged_score(each.fitted_.trained) for each in (model, again))
    assert one is not None
    assert other is not None
    assert np.array_equal(one(np.arange(20)), other(np.arange(20)))
    assert again.recommend_new([3, 4], [0, 2], k=5).equals(model.recommend_new([3, 4], [0, 2], k=5))


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Artifact], Artifact]:
    return lambda made: replace(made, arrays={**made.arrays, name: change(made.arrays[name])})


def dropped(name: str) -> Callable[[Artifact], Artifact]:
    return lambda made: replace(made, arrays={key: made.arrays[key] for key in made.arrays if key != name})


def unsaid(made: Artifact) -> Artifact:
    return replace(made, calibration={key: made.calibration[key] for key in made.calibration if key != "blend"})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (changed("blend/walks/items", lambda items: items[:-1]), "blend/walks/items has shape"),
        (changed("blend/walks/items", lambda items: items.astype(np.int64)), "blend/walks/items has shape"),
        (changed("blend/ease/items", lambda items: items + ITEMS), "blend/ease/items names an item"),
        (changed("blend/ease/weights", lambda each: each[:, 1:]), "blend/ease/items has shape"),
        (changed("blend/ease/weights", lambda each: each * np.float32(np.nan)), "blend/ease/weights holds what is no"),
        (changed("blend/popularity", lambda each: each[1:]), "blend/popularity has shape"),
        (changed("judged-blend/walks/weights", lambda each: each[1:]), "judged-blend/walks/weights has shape"),
        (dropped("blend/walks/items"), "blend/walks/items is missing"),
        (dropped("judged-blend/popularity"), "judged-blend/popularity is missing"),
        (unsaid, "blend/ease/items is of no member of the blend in calibration.json"),
    ],
)
def test_damaged_arrays_are_refused_by_file_and_name(spoil: Callable[[Artifact], Artifact], said: str) -> None:
    made = blended()
    with pytest.raises(ArtifactError) as caught:
        fitted_of(Path("recdiff-model"), spoil(made.fitted_.to_artifact(made.config_)))
    assert str(caught.value).startswith("recdiff-model: ")
    assert f"weights.safetensors: {said}" in str(caught.value)


@pytest.mark.parametrize("weights", [MIXED, *ALONE], ids=lambda weights: "-".join(weights))
def test_somebody_new_is_served_by_every_member(weights: dict[str, float]) -> None:
    model = blended(weights)
    popular = model.fitted_.items.take(np.argsort(-counts(model.fitted_.trained), kind="stable")[:1]).to_pylist()
    for history, friends in (([3, 4, 5], []), ([], [0, 2]), ([3, 4, 5], [0, 2])):
        table = model.recommend_new(history, friends, k=4, explain=True)
        assert len(set(table["item_id"].to_pylist()) - set(history)) == 4
        named = set(table["because_member"].to_pylist())
        # Members that score by items have nothing to say of somebody without any.
        assert named <= ({*weights, OURS} - set() if history else {OURS, POPULARITY})
        if weights == {POPULARITY: 1.0}:
            assert named == {POPULARITY}
            assert table["item_id"].to_pylist()[:1] == popular
        elif len(weights) == 1 and history:
            assert named == {*weights}
            assert set(json.loads(table["because_items"][0].as_py())) <= set(map(str, history)) | set(history)
        elif len(weights) == 1:
            own = fit(False).recommend_new(history, friends, k=4)
            assert table["item_id"].equals(own["item_id"])


def test_the_member_that_adds_most_is_named() -> None:
    model = blended()
    fitted = model.fitted_
    assert fitted.blend is not None
    assert fitted.recommender is not None
    table = model.explain_recommendations(model.recommend([0, 2, 4], k=6))
    users = fitted.users.index(table["user_id"])
    rows = fitted.blend.rows(fitted.recommender.score(users), fitted.trained[users])
    items = fitted.items.index(table["item_id"])
    added = {name: fitted.blend.weights[name] * each[np.arange(len(items)), items] for name, each in rows.items()}
    most = [max(added, key=lambda name: float(added[name][row])) for row in range(len(items))]
    assert table["because_member"].to_pylist() == most
    np.testing.assert_allclose(sum(added.values()), table["score"].to_numpy(), rtol=1e-4, atol=1e-5)


def test_the_command_names_the_member(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    model = blended()
    model.save(tmp_path / "recdiff-model")
    code, out, _ = run("recommend", "--users", "0,2", "--k", 3, "--explain", "--json")
    assert code == 0
    table = pq.read_table(json.loads(out)["out"])
    assert model.explain_recommendations(model.recommend([0, 2], k=3)).equals(table)
    code, out, _ = run("recommend", "--history", "3,4", "--k", 3, "--explain", "--json")
    assert code == 0
    found = [row["because_member"] for row in json.loads(out)["recommendations"]]
    assert found == model.recommend_new([3, 4], k=3, explain=True)["because_member"].to_pylist()


def test_an_update_keeps_the_tables_of_members_and_scores_by_what_users_use_now() -> None:
    model = blended({WALKS: 1.0})
    before = model.fitted_
    assert before.blend is not None
    items = {"user_id": [1, 1, 0], "item_id": [2, 3, 59]}
    model.update(frame(np.array([[1, 0], [3, 2]])), items)
    after = model.fitted_
    assert after.blend is before.blend
    newcomer, old = (int(after.users.index([raw])[0]) for raw in (1, 0))
    walks = before.blend.tables[WALKS]
    wanted = walks.score(after.trained[[newcomer]])[0]
    used = before.items.index([2, 3])
    assert np.array_equal(wanted, walks.score(after.trained[[newcomer]])[0])
    assert sorted(after.trained[[newcomer]].indices) == sorted(used)
    table = model.explain_recommendations(model.recommend([1, 0, 3], k=3))
    best = np.where(np.isin(np.arange(ITEMS), used), -np.inf, wanted).argmax()
    assert table["item_id"][0].as_py() == before.items.take(np.array([best])).to_pylist()[0]
    # The last has ties alone, so the recommender speaks for the member.
    assert table["because_member"].to_pylist() == [WALKS] * 6 + [OURS] * 3
    assert after.trained[old].nnz == before.trained[int(before.users.index([0])[0])].nnz + 1


def test_a_setting_keeps_the_recommender_alone() -> None:
    assert fit(False, blend=False).fitted_.blend is None
    assert "blend" not in fit(False, blend=False).fitted_.metrics

"""A model folder whose hashes fit but whose parts do not is refused, and says which part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recdiff.errors import ArtifactError
from recdiff.estimator import RecDiff
from recdiff.model.checked import fitted_of
from recdiff.model.folder import Artifact

PLACE = Path("recdiff-model")


def with_array(name: str, change: Callable[[Any], Any]) -> Callable[[Artifact], Artifact]:
    return lambda made: replace(made, arrays={**made.arrays, name: change(made.arrays[name])})


def with_edges(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Artifact], Artifact]:
    def changed(made: Artifact) -> Artifact:
        at = made.edges.column_names.index(name)
        values = pa.array(change(made.edges[name].to_numpy().copy()))
        return replace(made, edges=made.edges.set_column(at, name, values))

    return changed


def without(name: str) -> Callable[[Artifact], Artifact]:
    return lambda made: replace(
        made, calibration={key: made.calibration[key] for key in made.calibration if key != name}
    )


def test_a_model_is_what_it_was(fitted: RecDiff) -> None:
    again = fitted_of(PLACE, fitted.fitted_.to_artifact(fitted.config_))
    assert np.array_equal(again.scores, fitted.fitted_.scores)
    assert again.users == fitted.fitted_.users


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (with_array("scorer/table", lambda table: table[:-1]), "the scorer's table has shape"),
        (with_array("scorer/table", lambda table: np.full_like(table, np.inf)), "holds what is no number"),
        (with_array("scorer/offset", lambda offset: offset[:-1]), "layers do not fit together"),
        (with_array("recommender/own", lambda own: own[:, :-1]), "own has shape"),
        (with_edges("src", lambda ends: ends - ends.max() - 1), "column src of edges is out of bounds"),
        (with_edges("fake_score", lambda scores: scores + np.float32(1.5)), "a fake_score is no chance"),
        (with_array("growth/weight", lambda weight: weight[1:]), "weight, which updates need, has shape"),
        (with_array("growth/directions", lambda found: found[:, 1:]), "tastes have another width"),
        (with_array("growth/net/join", lambda join: join[1:]), "the evidence's networks"),
        (with_array("growth/net/middle.bias", lambda bias: bias[1:]), "RuntimeError"),
        (without("kinds"), "KeyError: 'kinds'"),
        (without("fake_share"), "KeyError: 'fake_share'"),
    ],
)
def test_what_does_not_fit_is_named(fitted: RecDiff, spoil: Callable[[Artifact], Artifact], said: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        fitted_of(PLACE, spoil(fitted.fitted_.to_artifact(fitted.config_)))
    assert str(caught.value).startswith("recdiff-model: is no model although its hashes fit")
    assert said in str(caught.value)

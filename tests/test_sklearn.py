"""RecDiff among scikit-learn's tools: its own checks, clone, searches, pickling; and what a notebook shows."""

from __future__ import annotations

import logging
import pickle
import warnings
from contextlib import suppress
from pathlib import Path
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils import Tags, get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator

import recdiff
from recdiff.config import Config, PaperConfig
from recdiff.data.dataset import SocialDataset
from recdiff.errors import UsageError
from recdiff.estimator import RecDiff
from recdiff.given import dataset_of

MATRIX = "fits a social data set, not a matrix of samples and features"
BY_NAME = "settings are given by name and kept in one attribute, so that all of them need not be arguments"
CANNOT = {
    "check_no_attributes_set_in_init": BY_NAME,
    "check_do_not_raise_errors_in_init_or_set_params": "a name that is no setting is refused at once",
    "check_requires_y_none": MATRIX,
    "check_complex_data": MATRIX,
    "check_dict_unchanged": MATRIX,
    "check_dont_overwrite_parameters": MATRIX,
    "check_dont_overwrite_attributes": MATRIX,
    "check_dtype_object": MATRIX,
    "check_estimators_dtypes": MATRIX,
    "check_estimators_empty_data_messages": MATRIX,
    "check_estimators_fit_returns_self": MATRIX,
    "check_estimators_nan_inf": MATRIX,
    "check_estimators_overwrite_params": MATRIX,
    "check_estimators_pickle": MATRIX,
    "check_f_contiguous_array_estimator": MATRIX,
    "check_fit2d_1feature": MATRIX,
    "check_fit2d_1sample": MATRIX,
    "check_fit2d_predict1d": MATRIX,
    "check_fit_check_is_fitted": MATRIX,
    "check_fit_idempotent": MATRIX,
    "check_fit_score_takes_y": MATRIX,
    "check_methods_sample_order_invariance": MATRIX,
    "check_methods_subset_invariance": MATRIX,
    "check_n_features_in": MATRIX,
    "check_n_features_in_after_fitting": MATRIX,
    "check_pipeline_consistency": MATRIX,
    "check_positive_only_tag_during_fit": MATRIX,
    "check_readonly_memmap_input": MATRIX,
    "check_estimators_unfitted": MATRIX,
}


class OfMatrices(RecDiff):
    """Says that it takes matrices: scikit-learn then runs every check it has."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


@pytest.fixture(scope="module")
def small() -> SocialDataset:
    """Forty ties, too few for a scorer: the recommender alone is fitted, in a moment."""
    draw = np.random.default_rng(0)
    social = pd.DataFrame(draw.integers(0, 30, (40, 2)), columns=["src", "dst"])
    events = pd.DataFrame({"user_id": np.repeat(np.arange(30), 12), "item_id": draw.integers(0, 50, 360)})
    return SocialDataset.from_frames(social, events)


@pytest.fixture(scope="module")
def model(small: SocialDataset) -> RecDiff:
    return RecDiff(device="cpu", steps=3, evaluate_every=1, search=False).fit(small)


def test_scikit_learns_own_checks_pass_where_they_apply() -> None:
    passed = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for estimator, check in estimator_checks_generator(OfMatrices(device="cpu"), legacy=True):
            name = check.func.__name__
            if name in CANNOT:
                continue
            # A check skips itself where it needs a library that is not here.
            with suppress(SkipTest):
                check(estimator)
                passed.add(name)
    assert {"check_estimator_cloneable", "check_get_params_invariance", "check_set_params"} <= passed
    assert {"check_estimator_repr", "check_valid_tag_types", "check_parameters_default_constructible"} <= passed


def test_it_says_that_it_takes_no_matrices() -> None:
    tags = get_tags(RecDiff())
    assert not tags.input_tags.two_d_array
    assert not tags.target_tags.required


def test_settings_are_given_by_name() -> None:
    made = RecDiff(width=32, scorer__folds=3, scorer__evidence__steps=9, fake_share=0.1)
    config = made._config()
    assert (config.recommender.width, config.scorer.folds, config.scorer.evidence.steps) == (32, 3, 9)
    assert config.fake_share == 0.1
    assert RecDiff("paper", dropout=0.1)._config().paper == PaperConfig(dropout=0.1)
    assert RecDiff(config=Config(seed=5), width=8)._config().seed == 5
    assert clone(made).get_params() == made.get_params()
    assert clone(made).set_params(width=16, seed=2)._config().recommender.width == 16
    with pytest.raises(UsageError, match=r"no parameter 'widht' \(did you mean 'width'\?\); it has preset, seed"):
        RecDiff(widht=32)
    with pytest.raises(UsageError, match=r"preset 'default' has no setting 'dropout'; it has width"):
        RecDiff(dropout=0.1)._config()
    with pytest.raises(UsageError, match=r"width = 'wide': expected int"):
        RecDiff(width="wide")._config()


def test_nothing_is_set_where_one_name_is_wrong() -> None:
    model = RecDiff()
    with pytest.raises(UsageError, match=r"no parameter 'sed'"):
        model.set_params(seed=4, sed=1)
    assert model.seed == 0


def test_a_grid_is_searched_by_the_validation_of_the_data(small: SocialDataset) -> None:
    model = RecDiff(device="cpu", steps=3, evaluate_every=1, search=False)
    search = GridSearchCV(model, {"width": [2, 16]}, cv=[([0], [0])]).fit([small])
    scores = search.cv_results_["mean_test_score"]
    assert search.best_params_["width"] == [2, 16][int(np.argmax(scores))]
    assert search.best_score_ == search.best_estimator_.score(small) == max(scores)


def test_a_model_goes_to_another_process_as_a_pickle(model: RecDiff) -> None:
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 -- our own, of a moment ago
    assert copy.recommend(k=3).equals(model.recommend(k=3))
    assert copy.get_params() == model.get_params()


def test_a_folder_is_fitted_and_judged(model: RecDiff, tmp_path: Path) -> None:
    (tmp_path / "social.csv").write_text("src,dst\n1,2\n2,3\n", encoding="utf-8")
    assert len(dataset_of(tmp_path, 0).edges) == 2
    assert len(dataset_of([str(tmp_path)], 0).edges) == 2
    with pytest.raises(UsageError, match=r"is no data set; give a folder such as 'data/', SocialDataset.read"):
        RecDiff().fit(pd.DataFrame({"src": [1], "dst": [2]}))  # type: ignore[arg-type]


def test_names_and_representations_are_short(model: RecDiff, small: SocialDataset) -> None:
    assert dir(recdiff) == sorted(recdiff.__all__)
    assert repr(RecDiff(seed=3, width=8)) == "RecDiff(seed=3, width=8)"
    assert repr(model).endswith("fitted on 30 users, 50 items, 40 edges")
    assert repr(small) == "SocialDataset(30 users, 50 items, 316 interactions, 40 directed edges)"
    assert repr(small.users) == "Ids(30 of int64: 0, 1, ...)"
    assert repr(model.fitted_) == "Fitted(30 users, 50 items, 40 edges)"
    assert "<th style='text-align:left'>users</th>" in small._repr_html_()
    assert "<script>" not in RecDiff(config=None, device="<script>")._repr_html_()  # type: ignore[arg-type]


def test_what_is_done_is_logged(small: SocialDataset, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "recdiff"):
        RecDiff(device="cpu", steps=1, evaluate_every=1, search=False).fit(small)
    assert caplog.messages[0].startswith("fitting RecDiff(device='cpu'")
    assert any(message.endswith(": done") for message in caplog.messages)
    assert any(type(handler) is logging.NullHandler for handler in logging.getLogger("recdiff").handlers)

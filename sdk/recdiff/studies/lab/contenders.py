"""The models that studies compare, all behind one call: fit on a data set, judged on validation, then score items.

A model is a name of ``names``, or the path package.module:Class of somebody's own, see ``systems.own_model``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recdiff.baselines.pairwise import JUDGE_EVERY
from recdiff.baselines.registry import BASELINES, Baseline, baseline
from recdiff.baselines.task import Judge
from recdiff.data.dataset import SocialDataset
from recdiff.studies.systems.code import code_of
from recdiff.studies.systems.contender import Contender
from recdiff.studies.systems.ours import fit_ours
from recdiff.studies.systems.own_fit import fit_own
from recdiff.studies.systems.own_model import is_own, own_model
from recdiff.studies.systems.published import fit_published
from recdiff.studies.systems.registered import fit_registered

OURS, PUBLISHED = "recdiff", "recdiff-paper"
LABELS: Mapping[str, str] = {
    OURS: "recdiff-sdk, default preset",
    PUBLISHED: "RecDiff as published",
    "popularity": "Popularity",
    "item-knn": "ItemKNN",
    "user-knn": "UserKNN",
    "user-knn-tfidf": "UserKNN, TF-IDF",
    "user-knn-ties": "UserKNN + ties",
    "p3alpha": "P3alpha",
    "rp3beta": "RP3beta",
    "ease": "EASE",
    "ease-ties": "EASE + ties",
    "bpr-mf": "BPR-MF",
    "als": "ALS",
    "lightgcn": "LightGCN",
    "lightgcn-ties": "LightGCN + ties",
    "xsimgcl": "XSimGCL",
    "diffnet": "DiffNet",
    "mhcn": "MHCN",
    "ngcf": "NGCF",
    "graphrec": "GraphRec",
    "dsl": "DSL",
    "kcgn": "KCGN",
    "smin": "SMIN",
    "dgrec": "DGRec",
    "samn": "SAMN",
    "gdmsr": "GDMSR",
}


def names() -> tuple[str, ...]:
    """Return every model, simple ones first."""
    return (*(each.name for each in BASELINES), PUBLISHED, OURS)


def is_baseline(name: str) -> bool:
    """Tell a baseline from ours, the published model, and whoever joins."""
    return any(each.name == name for each in BASELINES)


def label(name: str) -> str:
    """Return what a model is called in tables."""
    return LABELS.get(name, name)


def candidates(name: str, trials: int) -> list[dict[str, Any]]:
    """Return the settings to try; the published model has its published ones, ours chooses within each fit."""
    if name in (OURS, PUBLISHED):
        return [{}]
    if is_own(name):
        own = own_model(name)
        return Baseline(name, own.made, own.space).candidates(trials)
    return baseline(name).candidates(trials)


def is_seeded(name: str) -> bool:
    """Return whether another seed gives another result."""
    if is_own(name):
        return own_model(name).seeded
    return name in (OURS, PUBLISHED) or baseline(name).seeded


def code(name: str, others: Iterable[str]) -> str:
    """Return the hash of the code that results of a model depend on.

    Args:
        others: modules that judge it, counted too.
    """
    place = "recdiff.studies.systems"
    if is_own(name):
        return f"{own_model(name).code}-{code_of([f'{place}.own_fit', *others])}"
    if name in (OURS, PUBLISHED):
        own = [f"{place}.{'ours' if name == OURS else 'published'}"]
    else:
        own = [f"{place}.registered", baseline(name).fit.__module__]
    return code_of([*own, *others])


def fit_contender(
    name: str, dataset: SocialDataset, *, settings: Mapping[str, Any], seed: int, epochs: int | None, judge: Judge
) -> Contender:
    """Fit the model called ``name``.

    Args:
        epochs: at most so many; None leaves every model its own number.

    Raises:
        UsageError: no model has that name, or one of somebody's own failed.
    """
    if is_own(name):
        return fit_own(own_model(name), dataset, settings=settings, seed=seed, epochs=epochs, judge=judge)
    if name == PUBLISHED:
        return fit_published(dataset, settings, seed, epochs, judge)
    if name == OURS:
        return fit_ours(dataset, settings, seed, epochs, judge)
    return fit_registered(
        baseline(name).fit, dataset, settings, seed=seed, epochs=epochs, judge=judge, every=JUDGE_EVERY
    )

"""RecDiff as published as a contender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from recdiff.baselines.task import Judge
from recdiff.config import PaperConfig
from recdiff.data.dataset import SocialDataset
from recdiff.metrics.ranking import by_tables
from recdiff.paper.fit import fit_paper
from recdiff.studies.systems.contender import Contender, History


def fit_published(
    dataset: SocialDataset, settings: Mapping[str, Any], seed: int, epochs: int | None, judge: Judge
) -> Contender:
    """Fit the published model; ``settings`` are fields of PaperConfig.

    ``settings["inference"]`` = "mean" puts the mean of all users' denoised social embeddings in the place of each,
    after training: a denoiser that tells users apart must lose by that.
    """
    config = replace(PaperConfig(), **{name: settings[name] for name in settings if name != "inference"})
    if epochs is not None:
        config = replace(config, epochs=min(epochs, config.epochs))
    social = dataset.graph.adjacency()
    history = History(judge, config.evaluate_every)
    model, graphs, _ = fit_paper(
        config, dataset.train, social, lambda users, items: history(by_tables(users, items)), seed
    )
    seconds = history.seconds
    users, items, social_rows = (part.cpu() for part in model.embeddings(graphs))
    if settings.get("inference") == "mean":
        denoised = model.denoise(social_rows)
        users = users - denoised + denoised.mean(dim=0)
    return Contender(by_tables(users.numpy(), items.numpy()), history.rows, seconds, history.best)

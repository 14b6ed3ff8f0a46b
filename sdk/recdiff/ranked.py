"""The recommender of a fit, alone or blended, and what learned from training interactions alone to judge it by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import scipy.sparse as sp
import torch

from recdiff.arrays import Float32
from recdiff.blend.blend import Blend
from recdiff.blend.choice import Choice, choose
from recdiff.config import Config
from recdiff.data.dataset import SocialDataset
from recdiff.machine.progress import Report
from recdiff.recommender.fit import FittedRecommender, fit_recommender, judged_users, refitted
from recdiff.recommender.tables import Recommender
from recdiff.recommender.training import Trainer
from recdiff.storage.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class Ranked:
    """The recommender and what is judged of it, named as in ``Fitted``.

    Attributes:
        chosen: what validation said of the members, as ``metrics`` note it.
        made: how the recommender came about; None with preset "paper".
    """

    recommender: Recommender | None = None
    judged: tuple[Float32, Float32] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    blend: Blend | None = None
    judged_blend: Blend | None = None
    chosen: dict[str, Any] = field(default_factory=dict)
    made: FittedRecommender | None = None

    def delivered(
        self,
        everything: sp.csr_matrix,
        dataset: SocialDataset,
        seed: int,
        *,
        device: torch.device,
        trainer: Trainer | None,
    ) -> Ranked:
        """Return the same learned from ``everything`` (U, I), what learned from a part of it kept to judge by."""
        assert self.made is not None
        own = self.made.recommender
        return replace(
            self,
            recommender=refitted(self.made, everything, dataset.graph, seed, device=device, trainer=trainer),
            judged=(own.user_table, own.item_table),
            blend=None if self.blend is None else self.blend.refitted(everything),
            judged_blend=self.blend,
        )


def fit_ranked(
    config: Config,
    dataset: SocialDataset,
    device: torch.device,
    checkpoint: Checkpoint | None,
    *,
    trainer: Trainer | None,
    report: Report,
) -> Ranked:
    """Fit the default recommender on training interactions, and blend it where validation says so."""
    made = fit_recommender(
        config.recommender,
        dataset.train,
        dataset.graph,
        validation=dataset.validation,
        seed=config.seed,
        device=device,
        checkpoint=None if checkpoint is None else checkpoint.stage("recommender"),
        trainer=trainer,
        report=report,
    )
    own, validation = made.recommender.score, dataset.validation
    users = judged_users(validation, config.seed)
    choice = choose(own, dataset.train, validation, users, report) if config.blend else Choice(None, {})
    return Ranked(
        made.recommender,
        history=list(made.history),
        blend=choice.blend,
        chosen={"blend": choice.facts} if choice.facts else {},
        made=made,
    )

"""RecDiff: one object that is fitted on a data set and then scores, cleans, recommends and saves.

Letters: U users, I items, E fitted edges, B pairs, V recommender width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from recdiff.accounts.tables import account_table, group_table
from recdiff.arrays import Float32, Int64
from recdiff.audit.cleaned import choose
from recdiff.audit.decisions import Decision
from recdiff.cleaning.folder import with_direction
from recdiff.cleaning.policy import Policy, expectation, fakes_kept
from recdiff.cleaning.summary import Summary
from recdiff.config import Config
from recdiff.data.dataset import SocialDataset
from recdiff.data.ids import as_ids
from recdiff.data.labels import Labels
from recdiff.data.problems import shorten
from recdiff.errors import DataError, UsageError
from recdiff.evaluation.ranking_report import judge
from recdiff.fit import Engine, fit_all
from recdiff.machine.progress import Report, silent
from recdiff.model.checked import fitted_of
from recdiff.model.edge_table import both_ways
from recdiff.model.explained import Explainer
from recdiff.model.fitted import Fitted
from recdiff.model.folder import Artifact, read_artifact, write_artifact
from recdiff.model.known import known_accounts
from recdiff.model.recommendations import explained, for_new_user, top_table

NAMED = 5


class RecDiff:
    """Finds the fake ones among social edges, and recommends items.

    Attributes after ``fit`` or ``load``:
        config_: every setting used.
        fitted_: tables, networks, fitted edges and measurements.

    Example:
        >>> model = RecDiff(seed=1).fit(SocialDataset.read("data/"))  # doctest: +SKIP
        >>> kept, gone, summary = model.clean_edges(threshold=0.3)  # doctest: +SKIP
    """

    def __init__(
        self,
        preset: Literal["default", "paper"] = "default",
        *,
        seed: int = 0,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        config: Config | None = None,
    ) -> None:
        self.preset = preset
        self.seed = seed
        self.device = device
        self.config = config

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments, as scikit-learn's tools expect."""
        return {"preset": self.preset, "seed": self.seed, "device": self.device, "config": self.config}

    def set_params(self, **parameters: Any) -> RecDiff:
        """Set constructor arguments and return self.

        Raises:
            UsageError: for a name that is none of them.
        """
        for name, value in parameters.items():
            if name not in self.get_params():
                raise UsageError(f"RecDiff has no parameter {name!r}; it has {', '.join(self.get_params())}")
            setattr(self, name, value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def __repr__(self) -> str:
        return f"RecDiff({self.preset!r}, seed={self.seed}, device={self.device!r})"

    def fit(
        self,
        dataset: SocialDataset,
        *,
        labels: Labels | None = None,
        account_labels: tuple[Any, Any] | None = None,
        decisions: Sequence[Decision] = (),
        checkpoints: str | PathLike[str] | None = None,
        report: Report = silent,
        engine: Engine = "local",
        workers: int | None = None,
    ) -> RecDiff:
        """Fit recommender and edge scorer and return self; the epoch is chosen on validation.

        Args:
            labels: edges known to be real or fake, to train and calibrate with.
            account_labels: raw user ids, and for each whether it is fake; fakes alone will do. Edges with a fake end
                count as fake, those between two real accounts as real.
            decisions: what people decided of edges and accounts, to train with.
            checkpoints: a folder for checkpoints; a fit that was killed continues from what lies there and ends
                with the same result, bit for bit on the same machine.
            report: called with the progress of each stage.
            engine: "ray" trains the default preset's recommender on a Ray cluster, to the same tables up to float
                rounding; ``checkpoints`` is then needed, and a folder that every node sees.
            workers: of the Ray cluster; by default one per card, or one per node with all its cores.

        Raises:
            UsageError: engine "ray" without Ray, without ``checkpoints``, with preset "paper", without interactions
                or with more workers than the cluster has room for; workers without it.
            DeviceError: for device "cuda" where there is none.
            ArtifactError: the checkpoints are of another configuration or other data.
        """
        self.config_ = self.config or replace(Config(), preset=self.preset, seed=self.seed, device=self.device)
        known = None if account_labels is None else known_accounts(dataset, *account_labels)
        folder = None if checkpoints is None else Path(checkpoints)
        given: dict[str, Any] = {"checkpoints": folder, "report": report, "engine": engine, "workers": workers}
        self.fitted_ = fit_all(self.config_, dataset, labels, decisions, known_accounts=known, **given)
        return self

    @property
    def edges_(self) -> pa.Table:
        """The fitted edges by raw id: src, dst, fake_score (out of fold), kind and evidence."""
        fitted = self._fitted()
        positions = fitted.edges.select(["src", "dst"])
        ends = {name: fitted.users.take(positions[name].to_numpy()) for name in ("src", "dst")}
        others = {name: fitted.edges[name] for name in fitted.edges.column_names if name not in ends}
        return pa.table({**ends, **others})

    @property
    def accounts_(self) -> pa.Table:
        """The accounts, the most suspicious first; see ``accounts.tables.account_table``."""
        fitted = self._fitted()
        return account_table(fitted.accounts, fitted.account_evidence, fitted.users)

    @property
    def groups_(self) -> pa.Table:
        """The groups of accounts that act together; see ``accounts.tables.group_table``."""
        fitted = self._fitted()
        return group_table(fitted.accounts, fitted.account_evidence, fitted.users)

    def score_edges(self, src: Any = None, dst: Any = None) -> Float32:
        """Return the fake score of edges, (B,).

        Args:
            src, dst: raw user ids; without them the fitted edges in the order of ``edges_``. A pair that is a
                fitted edge gets its out-of-fold score, any other pair the full graph's.

        Raises:
            DataError: for a user the model does not know.
        """
        fitted = self._fitted()
        if src is None and dst is None:
            return fitted.scores
        if src is None or dst is None:
            raise UsageError("score_edges needs both src and dst, or neither")
        pairs = np.stack([self._positions(src, "src"), self._positions(dst, "dst")], axis=1)
        return fitted.score_pairs(pairs)

    def clean_edges(
        self,
        threshold: float | None = None,
        *,
        remove_share: float | None = None,
        min_precision: float | None = None,
        guarantee: float | None = None,
        keep_degree: int = 0,
        decisions: Sequence[Decision] = (),
    ) -> tuple[pa.Table, pa.Table, dict[str, Any]]:
        """Divide the fitted edges into kept and removed ones.

        Args: see ``cleaning.policy.Policy``; without a number the threshold is .5. What was decided is obeyed.

        Returns:
            kept and removed edges (columns of ``edges_`` and keep), and a summary: counts, between which values the
            share of fakes lies, and how many real edges are expected among the removed and fakes among the kept.
        """
        fitted = self._fitted()
        policy = Policy(threshold, remove_share, min_precision, guarantee, keep_degree)
        score = fitted.scores
        chosen, decided = choose(fitted, policy, decisions)
        table = self.edges_
        table = with_direction(table.add_column(3, "keep", pa.array(~chosen)), fitted.directed)
        if fitted.mirrored:
            table, chosen = both_ways(table), np.repeat(chosen, 2)
        found = expectation(np.repeat(score, 2) if fitted.mirrored else score, chosen)
        share = fitted.calibration["fake_share"]
        least, most = fakes_kept(found, share["low"], share["high"])
        summary = Summary(
            **found,
            fake_share=share,
            fake_kept_low=least,
            fake_kept_high=most,
            policy=policy.given(),
            noise=fitted.calibration.get("shares", {}),
            directed=fitted.directed,
            **decided,
        )
        return table.filter(pa.array(~chosen)), table.filter(pa.array(chosen)), summary.plain()

    def explain_edge(self, src: Any, dst: Any) -> list[str]:
        """Return sentences about why the edge got its score; what their parts add to it is in ``Explainer.parts``.

        Raises:
            DataError: for a user the model does not know.
        """
        fitted = self._fitted()
        pair = np.array([[self._positions([src], "src")[0], self._positions([dst], "dst")[0]]])
        return Explainer(fitted).lines(src, dst, pair)

    def recommend(self, users: Any = None, k: int = 20, *, exclude_seen: bool = True) -> pa.Table:
        """Return the top ``k`` items per user: user_id, item_id, rank (from 1), score.

        Args:
            users: raw ids; all users where not given.
            exclude_seen: leave out items of any known interaction of the user.

        Raises:
            DataError: for a user the model does not know.
            UsageError: the model was fitted without interactions, or ``k`` is below 1.
        """
        fitted = self._fitted()
        if fitted.recommender is None:
            raise UsageError("this model was fitted without interactions, so it cannot recommend")
        if k < 1:
            raise UsageError(f"k = {k}: expected at least 1")
        chosen = np.arange(len(fitted.users)) if users is None else self._positions(users, "users")
        rows = fitted.recommender.user_table[chosen]
        return top_table(fitted, fitted.users.take(chosen), rows, fitted.seen[chosen] if exclude_seen else None, k)

    def recommend_new(
        self,
        history: Sequence[Any] = (),
        friends: Sequence[Any] = (),
        k: int = 20,
        *,
        exclude_seen: bool = True,
        explain: bool = False,
    ) -> pa.Table:
        """Return the top ``k`` items for a user that was not there at fit: item_id, rank, score.

        Args:
            history: raw ids of items the user has interacted with.
            friends: raw ids of users the user has ties to.
            exclude_seen: leave the items of the history out.
            explain: two more columns, as those of ``explain_recommendations``.

        Raises:
            DataError: for an item or a friend the model does not know.
            UsageError: both are empty, or the model cannot recommend.
        """
        fitted = self._fitted()
        if fitted.recommender is None:
            raise UsageError("this model was fitted without interactions, so it cannot recommend")
        if len(history) + len(friends) == 0:
            raise UsageError("a new user needs a history of items or friends; give at least one")
        items = fitted.items.index(as_ids(list(history)) if history else pa.array([], fitted.items.values.type))
        if len(items) and items.min() < 0:
            raise DataError(
                f"item {_named(history[int(np.argmin(items))])} is not in the model: it was in no interaction"
            )
        ties = self._positions(list(friends), "friends") if friends else np.zeros(0, np.int64)
        return for_new_user(fitted, items, ties, k, exclude_seen=exclude_seen, explain=explain)

    def explain_recommendations(self, table: pa.Table) -> pa.Table:
        """Return recommendations with two more columns: because_items and because_friends.

        Each is a JSON list of the raw ids of at most three of the user's items, or friends, that added most to the
        score.
        """
        return explained(self._fitted(), table)

    def evaluate(self, dataset: SocialDataset) -> dict[str, Any]:
        """Return ranking metrics on the held-out interactions of ``dataset``; see ``ranking_report.judge``.

        Judged is what learned from training interactions alone, also where the delivered tables learned from all.

        Raises:
            DataError: the users or items are not those of the fit.
            UsageError: the model was fitted without interactions.
        """
        fitted = self._fitted()
        tables = fitted.judged_tables
        if tables is None:
            raise UsageError("this model was fitted without interactions, so there is no ranking to judge")
        if dataset.users != fitted.users or dataset.items != fitted.items:
            raise DataError(
                "the data have other users or items than the model was fitted on; evaluate on the same folder"
            )
        return judge(*tables, dataset, self.config_.seed)

    def denoise(self, rows: Float32 | None = None) -> Float32:
        """Return denoised social embeddings, (B, D); those of all users where no rows are given."""
        fitted = self._fitted()
        if fitted.denoiser is None:
            raise UsageError("this model was fitted without a denoiser")
        return fitted.denoiser.denoise(fitted.social if rows is None else np.asarray(rows, np.float32))

    def save(self, folder: str | PathLike[str], changed: bytes | None = None) -> None:
        """Write the model folder; a model there is replaced when the new one is complete, see ``write_artifact``."""
        write_artifact(Path(folder), self._fitted().to_artifact(self.config_), changed)

    @classmethod
    def load(cls, folder: str | PathLike[str]) -> RecDiff:
        """Read a model folder, checking every file.

        Raises:
            ArtifactError: see ``model.folder.read_artifact``.
        """
        artifact: Artifact = read_artifact(Path(folder))
        config = artifact.config
        model = cls(config.preset, seed=config.seed, device=config.device, config=config)
        model.config_ = config
        model.fitted_ = fitted_of(Path(folder), artifact)
        return model

    def _fitted(self) -> Fitted:
        if not hasattr(self, "fitted_"):
            raise UsageError("this RecDiff is not fitted yet; call fit or load first")
        return self.fitted_

    def _positions(self, raw: Any, name: str) -> Int64:
        """Return positions of raw user ids; unknown ones are named, never scored."""
        try:
            ids = as_ids(raw)
        except ValueError as error:
            raise DataError(f"{name}: {error}") from error
        positions = self._fitted().users.index(ids)
        unknown = ids.take(pa.array(np.flatnonzero(positions < 0)[:NAMED])).to_pylist()
        if unknown:
            count = int((positions < 0).sum())
            raise DataError(
                f"{name}: {count} of {len(positions)} users are not in the model: "
                f"{', '.join(map(_named, unknown))}{' ...' if count > NAMED else ''}; fit on data that have them"
            )
        return positions


def _named(raw: object) -> str:
    return shorten(raw, 80)

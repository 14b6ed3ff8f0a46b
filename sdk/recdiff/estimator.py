"""RecDiff: one object that is fitted on a data set and then scores, cleans, recommends and saves.

Letters: U users, I items, E fitted edges, B pairs, V recommender width.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recdiff.accounts.tables import account_table, group_table
from recdiff.arrays import Float32
from recdiff.audit.cleaned import choose
from recdiff.audit.decisions import Decision
from recdiff.cleaning.folder import with_direction
from recdiff.cleaning.policy import Policy, expectation, fakes_kept
from recdiff.cleaning.summary import Summary
from recdiff.data.dataset import SocialDataset
from recdiff.data.labels import Labels
from recdiff.errors import DataError, UsageError
from recdiff.evaluation.ranking_report import judge, sampled_judge
from recdiff.fit import Engine, fit_all
from recdiff.given import Given, dataset_of
from recdiff.machine.progress import Report, logged, silent
from recdiff.metrics.ranking import Score
from recdiff.model.checked import fitted_of
from recdiff.model.edge_table import both_ways, with_ids
from recdiff.model.explained import Explainer
from recdiff.model.fitted import Fitted
from recdiff.model.folder import Artifact, read_artifact, write_artifact
from recdiff.model.known import known_accounts
from recdiff.model.positions import item_positions, pair_positions, user_positions
from recdiff.model.recommendations import explained, for_new_user, top_table
from recdiff.parameters import Parameters
from recdiff.result import ResultTable
from recdiff.update.grown import updated

_log = logging.getLogger(__name__)


class RecDiff(Parameters):
    """Finds the fake ones among social edges, and recommends items.

    A setting may be given by name: ``RecDiff(width=32)`` of the preset's recommender, ``scorer__folds=3`` of a section.
    ``config`` replaces preset, seed and device; what is given by name goes before it.

    Attributes:
        config_: every setting used; it is there after ``fit`` or ``load``, as all of these.
        fitted_: tables, networks, fitted edges and measurements.

    Examples:
        >>> model = RecDiff(seed=1).fit("data/")  # doctest: +SKIP
        >>> kept, gone, summary = model.clean_edges(threshold=0.3)  # doctest: +SKIP
    """

    def fit(
        self,
        dataset: Given,
        y: None = None,
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
            dataset: a data set, the folder that holds one, or a list of one of these.
            y: nothing; scikit-learn's tools pass it.
            labels: edges known to be real or fake, to train and calibrate with.
            account_labels: raw user ids, and for each whether it is fake; fakes alone will do. Edges with a fake end
                count as fake, those between two real accounts as real.
            decisions: what people decided of edges and accounts, to train with.
            checkpoints: a folder for checkpoints; a fit that was killed continues from what lies there and ends
                with the same result, bit for bit on the same machine.
            report: called with the progress of each stage.
            engine: "ray" trains the default preset's recommender, and what the scorer needs, on a Ray cluster, to the
                same tables up to float rounding; ``checkpoints`` is then needed, and a folder that every node sees.
            workers: of the Ray cluster; by default one per card, or one per node with all its cores.

        Raises:
            UsageError: engine "ray" without Ray, without ``checkpoints``, with preset "paper", without interactions
                or with more workers than the cluster has room for; workers without it.
            DeviceError: for device "cuda" where there is none.
            ArtifactError: the checkpoints are of another configuration or other data.
        """
        config = self._config()
        dataset = dataset_of(dataset, config.seed)
        _log.info("fitting %r on %r", self, dataset)
        known = None if account_labels is None else known_accounts(dataset, *account_labels)
        folder = None if checkpoints is None else Path(checkpoints)
        given: dict[str, Any] = {
            "checkpoints": folder,
            "report": logged(report, _log),
            "engine": engine,
            "workers": workers,
        }
        self.fitted_ = fit_all(config, dataset, labels, decisions, known_accounts=known, **given)
        self.config_ = config
        return self

    def update(
        self, edges: Any = None, interactions: Any = None, *, mapping: Mapping[str, str] | None = None
    ) -> RecDiff:
        """Take new edges, users and interactions in without another fit and return self.

        Every new edge is scored by rows that did not see it; scores of the others stay. What came since the fit, and
        whether another one is due, is in ``fitted_.calibration["updates"]``, see ``update.drift.drift_of``. Nothing is
        changed where nothing is new.

        Args:
            edges: a file or a folder of parts with the columns of social.csv, or a data frame.
            interactions: the same with those of interactions.csv.
            mapping: canonical column name -> name in the file, for names that are not recognised.

        Raises:
            DataError: the data cannot be used, or the model scores no edges.
            UsageError: neither is given, or the model's fit kept nothing to grow by.
        """
        self.fitted_ = updated(self._fitted(), self.config_, edges, interactions, mapping)[0]
        return self

    @property
    def edges_(self) -> ResultTable:
        """The fitted edges by raw id: src, dst, fake_score (out of fold), kind and evidence."""
        fitted = self._fitted()
        return ResultTable(with_ids(fitted.edges, fitted.users))

    @property
    def accounts_(self) -> ResultTable:
        """The accounts, the most suspicious first; see ``accounts.tables.account_table``."""
        fitted = self._fitted()
        return ResultTable(account_table(fitted.accounts, fitted.account_evidence, fitted.users))

    @property
    def groups_(self) -> ResultTable:
        """The groups of accounts that act together; see ``accounts.tables.group_table``."""
        fitted = self._fitted()
        return ResultTable(group_table(fitted.accounts, fitted.account_evidence, fitted.users))

    def score_edges(self, src: Any = None, dst: Any = None) -> Float32:
        """Return the fake score of edges, (B,).

        Args:
            src, dst: raw user ids; without them the fitted edges in the order of ``edges_``. A pair that is a
                fitted edge gets its out-of-fold score, any other pair the full graph's.

        Raises:
            DataError: for a user the model does not know, and for an edge of a user with itself.
        """
        fitted = self._fitted()
        if src is None and dst is None:
            return fitted.scores
        if src is None or dst is None:
            raise UsageError("score_edges needs both src and dst, or neither")
        return fitted.score_pairs(pair_positions(fitted.users, src, dst))

    def clean_edges(
        self,
        threshold: float | None = None,
        *,
        remove_share: float | None = None,
        min_precision: float | None = None,
        guarantee: float | None = None,
        keep_degree: int = 0,
        decisions: Sequence[Decision] = (),
    ) -> tuple[ResultTable, ResultTable, dict[str, Any]]:
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
        table = with_ids(fitted.edges, fitted.users)
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
        kept, removed = (ResultTable(table.filter(pa.array(rows))) for rows in (~chosen, chosen))
        return kept, removed, summary.plain()

    def explain_edge(self, src: Any, dst: Any) -> list[str]:
        """Return sentences about why the edge got its score; what their parts add to it is in ``Explainer.parts``.

        Raises:
            DataError: for a user the model does not know.
        """
        fitted = self._fitted()
        pair = np.array(
            [[user_positions(fitted.users, [src], "src")[0], user_positions(fitted.users, [dst], "dst")[0]]]
        )
        return Explainer(fitted).lines(src, dst, pair)

    def recommend(self, users: Any = None, k: int = 20, *, exclude_seen: bool = True) -> ResultTable:
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
        chosen = np.arange(len(fitted.users)) if users is None else user_positions(fitted.users, users, "users")
        rows, history = fitted.recommender.user_table[chosen], fitted.trained[chosen]
        seen = fitted.seen[chosen] if exclude_seen else None
        return ResultTable(top_table(fitted, fitted.users.take(chosen), rows, history, seen=seen, k=k))

    def recommend_new(
        self,
        history: Sequence[Any] = (),
        friends: Sequence[Any] = (),
        k: int = 20,
        *,
        exclude_seen: bool = True,
        explain: bool = False,
    ) -> ResultTable:
        """Return the top ``k`` items for a user that was not there at fit: item_id, rank, score.

        Args:
            history: raw ids of items the user has interacted with.
            friends: raw ids of users the user has ties to.
            exclude_seen: leave the items of the history out.
            explain: three more columns, as those of ``explain_recommendations``.

        Raises:
            DataError: for an item or a friend the model does not know.
            UsageError: both are empty, or the model cannot recommend.
        """
        fitted = self._fitted()
        if fitted.recommender is None:
            raise UsageError("this model was fitted without interactions, so it cannot recommend")
        if len(history) + len(friends) == 0:
            raise UsageError("a new user needs a history of items or friends; give at least one")
        # Naming somebody twice does not make them two.
        items = np.unique(item_positions(fitted.items, history))
        ties = np.unique(user_positions(fitted.users, list(friends), "friends")) if friends else np.zeros(0, np.int64)
        return ResultTable(for_new_user(fitted, items, ties, k, exclude_seen=exclude_seen, explain=explain))

    def explain_recommendations(self, table: ResultTable) -> ResultTable:
        """Return recommendations with three more columns: because_items, because_friends and because_member.

        The first two are JSON lists of the raw ids of at most three of the user's items, or friends, that added most
        to the score; the third names the member of the blend that did, "recdiff" where the recommender is alone.
        """
        return ResultTable(explained(self._fitted(), pa.table(table)))

    def evaluate(self, dataset: Given) -> dict[str, Any]:
        """Return ranking metrics on the held-out interactions of ``dataset``; see ``ranking_report.judge``.

        Judged is what learned from training interactions alone, also where the delivered tables learned from all.

        Raises:
            DataError: the users or items are not those of the fit.
            UsageError: the model was fitted without interactions.
        """
        data, score = self._to_judge(dataset)
        return judge(score, data, self.config_.seed)

    def score(self, dataset: Given, y: None = None) -> float:
        """Return recall@20 + ndcg@20 on the validation interactions of ``dataset``, for scikit-learn's searches.

        Raises:
            DataError: the users or items are not those of the fit.
            UsageError: the model was fitted without interactions, or there are none to validate by.
        """
        data, score = self._to_judge(dataset)
        if data.validation.nnz == 0:
            raise UsageError("these data have no validation interactions, so there is nothing to score by")
        return sampled_judge(data.train, data.validation, self.config_.seed)(score)

    def _to_judge(self, given: Given) -> tuple[SocialDataset, Score]:
        """Return the data, and the scores of what did not learn from what they hold out."""
        if self._fitted().recommender is None:
            raise UsageError("this model was fitted without interactions, so there is no ranking to judge")
        dataset = dataset_of(given, self.config_.seed)
        if dataset.users != self.fitted_.users or dataset.items != self.fitted_.items:
            raise DataError(
                "the data have other users or items than the model was fitted on; evaluate on the same folder"
            )
        score = self.fitted_.judged_score(dataset.train)
        assert score is not None
        return dataset, score

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

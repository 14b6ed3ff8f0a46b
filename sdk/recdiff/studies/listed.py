"""A cell that judges what another system gave: a file of users, items and scores.

Letters: U users, B users of a block, I items.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from recdiff.arrays import Float64, Int64
from recdiff.baselines.task import validation_judge
from recdiff.data.input_files import parts_of
from recdiff.data.outside.scores import Scores, read_item_scores
from recdiff.metrics.ranking import rank
from recdiff.studies.lab.bench import Bench
from recdiff.studies.lab.cell import Cell
from recdiff.studies.lab.kept_ranking import Repeated, pack, unpack
from recdiff.studies.lab.source import Source
from recdiff.studies.lab.variants import Outcome, Variant
from recdiff.studies.systems.code import code_of

LISTED = "listed"


def judge_lists(bench: Bench) -> list[Outcome]:
    """Return what each file of ``bench.invited.scores`` earns; nothing is fitted, so there is one result for all seeds.

    Raises:
        DataError: a file cannot be used.
    """
    code = code_of([__name__, read_item_scores.__module__])
    cells = [
        Cell(LISTED, {"file": str(file.absolute())}, 0, bench.fingerprint, f"{_content(file)}-{code}")
        for file in bench.invited.scores
    ]
    results = bench.results(cells, "overall: lists")
    return [
        Outcome(Variant(str(file), str(file)), (found,), Repeated((unpack(found.values["test"]),)))
        for file, found in zip(bench.invited.scores, results, strict=True)
    ]


def run_listed(cell: Cell, source: Source) -> dict[str, Any]:
    """Judge a file on validation and test: an item that it does not list for a user is not recommended."""
    dataset = source.read()
    given = read_item_scores(Path(cell.settings["file"]), dataset.users, dataset.items)
    score = _Lists(given, dataset.train.shape)
    judged = np.flatnonzero(np.diff(dataset.test.indptr))
    return {
        "validation": validation_judge(dataset.train, dataset.validation)(score),
        "seconds": 0.0,
        "test": pack(rank(score, dataset.train, dataset.test)),
        "judged": len(judged),
        "listed": int(np.isin(judged, given.ends[:, 0]).sum()),
        "unknown": given.unknown,
    }


class _Lists:
    """Scores (B, I) of the items listed, minus infinity for all others."""

    def __init__(self, given: Scores, shape: tuple[int, int]) -> None:
        entries = (given.values, (given.ends[:, 0], given.ends[:, 1]))
        self.rows = sp.csr_matrix(entries, shape=shape)

    def __call__(self, users: Int64) -> Any:
        rows = self.rows[users]
        scores: Float64 = np.full(rows.shape, -np.inf)
        scores[np.repeat(np.arange(len(users)), np.diff(rows.indptr)), rows.indices] = rows.data
        return scores


def _content(file: Path) -> str:
    """Return the hash of the file's bytes, or of all the parts in a folder."""
    digest = hashlib.sha256()
    for part in parts_of(file):
        with part.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:32]

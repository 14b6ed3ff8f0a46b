"""Streams obey what was decided, also after a run that was interrupted; other decisions start over."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from recdiff.audit.decisions import Decision, taken
from recdiff.cleaning.summary import Summary
from recdiff.model.told import Told
from recdiff_export import OnnxScorer
from recdiff_export.stream.local import clean_stream
from recdiff_export.stream.obeyed import Obeyed
from tests.export.test_stream import THRESHOLD, outputs, small_pieces, ties, write_parquet

__all__ = ["small_pieces"]
NOTHING = np.empty((0, 2), np.int64)


def obeyed(scorer: OnnxScorer, *decisions: Decision, told: Told | None = None, pairs: np.ndarray = NOTHING) -> Obeyed:
    return Obeyed.of(decisions, scorer.users, told or Told(), pairs, directed=scorer.manifest.directed)


def decided(scorer: OnnxScorer) -> list[Decision]:
    """Return decisions about an account, one of its edges and another edge, of the edges that ``ties`` has."""
    table = ties()
    src, dst = (table[end].to_pylist() for end in ("src", "dst"))
    kept = int(np.argmax((scorer.score(src, dst) < THRESHOLD) & (np.array(src) != src[0]) & (np.array(dst) != src[0])))
    account, other = str(src[0]), str(dst[0])
    return [
        taken("account", account, "", "fake"),
        taken("edge", account, other, "real"),
        taken("edge", str(src[kept]), str(dst[kept]), "fake"),
    ]


def test_accounts_and_edges_that_were_decided(tmp_path: Path, onnx_scorer: OnnxScorer, small_pieces: None) -> None:
    table, rows = ties(unknown=3), decided(onnx_scorer)
    source = write_parquet(tmp_path / "edges.parquet", table)
    said = obeyed(onnx_scorer, *rows)
    summary = clean_stream(onnx_scorer, source, tmp_path / "out", threshold=THRESHOLD, obeyed=said)
    scores = onnx_scorer.score(table["src"], table["dst"], unknown="null")
    ends = np.stack([np.array(table[end].to_pylist()).astype(str) for end in ("src", "dst")], axis=1)
    account, spared, gone = rows[0].src, {rows[1].src, rows[1].dst}, {rows[2].src, rows[2].dst}
    expected = [
        {*pair} == gone or ((account in pair or score >= THRESHOLD) and {*pair} != spared)
        for pair, score in zip(ends.tolist(), scores.tolist(), strict=True)
    ]
    kept, removed = outputs(tmp_path / "out")
    assert removed["row"].to_pylist() == np.flatnonzero(expected).tolist()
    assert kept.num_rows + removed.num_rows == len(table)
    real = sum({*pair} == spared for pair in ends.tolist())
    fake = sum({*pair} == gone or (account in pair and {*pair} != spared) for pair in ends.tolist())
    assert summary.decided == {"fake": fake, "real": real}
    assert Summary.read(tmp_path / "out/summary.json").decided == summary.decided


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_users_that_the_model_does_not_know_are_obeyed_by_their_ids(
    tmp_path: Path, onnx_scorer: OnnxScorer, suffix: str
) -> None:
    table = pa.table({"src": [1, 7, 2, 3, 7, 4, 5], "dst": [10, 1, 10, 10, 3, 5, 4], "row": range(7)})
    edges = tmp_path / f"edges.{suffix}"
    (pq.write_table if suffix == "parquet" else pacsv.write_csv)(table, edges)
    rows = [
        taken("account", "1", "", "fake"),
        taken("account", "2", "", "fake"),
        taken("account", "2", "", "unsure"),
        taken("account", "3", "", "fake"),
        taken("edge", "7", "3", "real"),
        taken("edge", "5", "4", "fake"),
    ]
    said = obeyed(onnx_scorer, *rows)
    summary = clean_stream(onnx_scorer, edges, tmp_path / "out", threshold=1.0, unknown="drop", obeyed=said)
    kept, removed = outputs(tmp_path / "out")
    assert [int(row) for row in removed["row"].to_pylist()] == [0, 1, 3, 5, 6]
    assert removed["fake_score"].null_count == 5
    assert (kept.num_rows, summary.dropped, summary.unknown) == (0, 2, 7)
    assert summary.decided == {"fake": 5, "real": 1}
    assert said.digest != obeyed(onnx_scorer, *rows[1:]).digest


def test_a_run_that_was_interrupted_goes_on_only_with_the_same_decisions(
    tmp_path: Path, onnx_scorer: OnnxScorer, small_pieces: None, caplog: pytest.LogCaptureFixture
) -> None:
    source, rows = write_parquet(tmp_path / "edges.parquet", ties()), decided(onnx_scorer)

    def stop(stage: str, done: int, total: int) -> None:
        if done > 1500:
            raise KeyboardInterrupt

    changed = [*rows, taken("account", rows[0].src, "", "real")]
    for then, resumed in ((rows, 1000), (changed, 0), ([], 0)):
        clean_stream(onnx_scorer, source, tmp_path / "whole", threshold=THRESHOLD, obeyed=obeyed(onnx_scorer, *then))
        with pytest.raises(KeyboardInterrupt):
            clean_stream(
                onnx_scorer,
                source,
                tmp_path / "out",
                threshold=THRESHOLD,
                obeyed=obeyed(onnx_scorer, *rows),
                report=stop,
            )
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            summary = clean_stream(
                onnx_scorer, source, tmp_path / "out", threshold=THRESHOLD, obeyed=obeyed(onnx_scorer, *then)
            )
        assert summary.resumed == resumed
        assert ("decision than before" in caplog.text) is (resumed == 0)
        for side in range(2):
            assert outputs(tmp_path / "out")[side].equals(outputs(tmp_path / "whole")[side])


def test_what_lies_within_a_model_counts_less_than_decisions_since(onnx_scorer: OnnxScorer) -> None:
    users = onnx_scorer.users.values.to_pylist()
    pairs = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])
    accounts = np.full(len(users), -1, np.int8)
    accounts[6] = 1
    told = Told(
        decided=np.array([1, 0, -1, -1], np.int8),
        answers=np.array([-1, 1, 0, -1], np.int8),
        account_answers=accounts,
    )

    def about(*decisions: Decision, told: Told = told) -> list[int]:
        found = obeyed(onnx_scorer, *decisions, told=told, pairs=pairs)
        return [*found.about(pairs[:, 0], pairs[:, 1]).tolist(), int(found.about(np.array([6]), np.array([-1]))[0])]

    assert about() == [1, 1, 0, 1, 1]
    assert about(taken("account", str(users[6]), "", "real")) == [-1, 1, 0, -1, -1]
    assert about(taken("edge", str(users[5]), str(users[4]), "fake"))[2] == 1
    assert about(taken("account", str(users[4]), "", "fake"))[2] == 1
    later = replace(told, answers=None, account_answers=None, decided_accounts=accounts)
    assert about(told=later) == [1, 0, -1, 1, 1]
    assert set(obeyed(onnx_scorer).about(pairs[:, 0], pairs[:, 1]).tolist()) == {-1}

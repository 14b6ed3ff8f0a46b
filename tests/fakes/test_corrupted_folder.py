"""A folder with injected fakes can be read back, says which edges are fake, and replaces only its own kind."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.data.ids import Ids
from recdiff.errors import UsageError
from recdiff.fakes.corrupted_folder import corrupt_folder, with_accounts


def test_what_is_written_is_read_back_with_its_fakes(sample_dataset: SocialDataset, tmp_path: Path) -> None:
    manifest = corrupt_folder(sample_dataset, tmp_path / "out", kind="farm", share=0.1, mode="add", seed=1)
    assert json.loads((tmp_path / "out" / "corruption.json").read_text()) == manifest
    again, truth = SocialDataset.read(tmp_path / "out"), pq.read_table(tmp_path / "out" / "truth.parquet")
    assert manifest["fake_edges"] == round(0.1 * len(sample_dataset.edges))
    assert len(again.edges) == manifest["edges"] == len(sample_dataset.edges) + manifest["fake_edges"]
    assert len(again.users) == len(sample_dataset.users) + manifest["new_accounts"]
    assert 2 * manifest["fake_edges"] == pc.sum(truth["is_fake"]).as_py()
    assert pc.equal(truth["is_fake"], pc.equal(truth["kind"], "farm")).unique().to_pylist() == [True]
    for part in ("train", "validation", "test"):
        assert getattr(again, part).nnz == getattr(sample_dataset, part).nnz


def test_only_its_own_folders_are_replaced(sample_dataset: SocialDataset, tmp_path: Path) -> None:
    for seed in (1, 2):
        corrupt_folder(sample_dataset, tmp_path / "out", kind="uniform", share=0.1, mode="replace", seed=seed)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds 'notes\.txt' and was not written by corrupt"):
        corrupt_folder(sample_dataset, tmp_path / "out", kind="uniform", share=0.1, mode="replace", seed=3)


def test_new_accounts_have_ids_of_their_own() -> None:
    assert with_accounts(Ids(pa.array([3, 9])), 2).to_pylist() == [3, 9, 10, 11]
    assert with_accounts(Ids(pa.array(["account-1", "ann"])), 2).to_pylist() == [
        "account-1", "ann", "account-2", "account-3"
    ]  # fmt: skip
    assert with_accounts(Ids(pa.array([3, 9])), 0).to_pylist() == [3, 9]

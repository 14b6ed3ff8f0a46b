"""The writers under attack: what each command does to the disk, by name, with an old and a new result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from recdiff.cleaning.folder import restore_edges, write_cleaned
from recdiff.data.dataset import SocialDataset
from recdiff.estimator import RecDiff
from recdiff.fakes.corrupted_folder import corrupt_folder
from recdiff.sample.folder import write_sample
from recdiff_adapters import write
from recdiff_export import OnnxScorer
from recdiff_export.bundle.parts import Parts
from recdiff_export.bundle.write import export_bundle
from recdiff_export.stream.local import clean_stream
from recdiff_export.targets.huggingface import export_huggingface
from recdiff_export.targets.triton import export_triton

SRC, DST = np.random.default_rng(3).integers(0, 1 << 30, (2, 400))


@dataclass(frozen=True)
class Writer:
    """``old(target)`` writes a result that ``new(target)`` replaces; both may be called again and again.

    Attributes:
        timed: JSON files that say how long the run took, and so differ from run to run.
    """

    name: str
    target: str
    old: Callable[[Path], object]
    new: Callable[[Path], object]
    timed: tuple[str, ...] = ()


def writers(model: RecDiff, data: SocialDataset) -> list[Writer]:
    """Return what the ordinary commands write: fit, clean-edges, restore, sample, corrupt, recommend."""
    few, many = model.clean_edges(remove_share=0.1), model.clean_edges(remove_share=0.3)
    first = few[1].slice(0, 1).to_pylist()[0]
    pair = (str(first["src"]), str(first["dst"]))

    def restored(place: Path) -> None:
        write_cleaned(place, *few)
        restore_edges(place, [pair])

    def spoiled(place: Path, seed: int) -> None:
        corrupt_folder(data, place, kind="uniform", share=0.1, mode="replace", seed=seed)

    other = RecDiff(config=model.config_)
    other.config_, other.fitted_ = model.config_, replace(model.fitted_, history=[{"step": 1}])
    table = pa.concat_tables(map(pa.table, few[:2]))
    found = [
        Writer("fit", "recdiff-model", other.save, model.save),
        Writer("clean-edges", "cleaned-edges", lambda at: write_cleaned(at, *few), lambda at: write_cleaned(at, *many)),
        Writer("restore", "cleaned-edges", lambda at: write_cleaned(at, *few), restored),
        Writer("sample", "data", lambda at: write_sample(at, 60, 0), lambda at: write_sample(at, 60, 1)),
        Writer("corrupt", "spoiled", lambda at: spoiled(at, 0), lambda at: spoiled(at, 1)),
    ]
    one, two = model.recommend(k=2), model.recommend(k=3)
    found += [handed(f"recommend {form}", form, one, two) for form in ("parquet", "npz")]
    return [*found, handed("clean-edges neo4j", "neo4j", table, table.slice(1))]


def handed(name: str, form: str, one: pa.Table, two: pa.Table) -> Writer:
    """Return the writer of a format of the adapters."""
    return Writer(name, "out", lambda at: write(form, one, at), lambda at: write(form, two, at))


def streams(bundle: Path, place: Path) -> list[Writer]:
    """Return streamed cleanings with ``bundle`` of a Parquet file and of a folder of text, in several parts each.

    Args:
        place: where to put the edges that are read.
    """
    scorer = OnnxScorer.open(bundle, provider="cpu", threads=1)
    ids = scorer.lookup.ids.values
    table = pa.table({"src": ids.take(pa.array(SRC % len(ids))), "dst": ids.take(pa.array(DST % len(ids)))})
    pq.write_table(table, place / "edges.parquet", row_group_size=100)
    (place / "edges").mkdir()
    for part in range(2):
        pacsv.write_csv(table.slice(200 * part, 200), place / f"edges/{part}.csv")

    def clean(edges: Path, out: Path, threshold: float) -> None:
        with (
            mock.patch("recdiff_export.stream.source.SEGMENT_ROWS", 100),
            mock.patch("recdiff_export.stream.local.SEGMENT_ROWS", 100),
            mock.patch("recdiff_export.stream.source.BATCH_ROWS", 50),
            mock.patch("recdiff_export.stream.source.TEXT_ID_BATCH_ROWS", 50),
            mock.patch("recdiff.data.text_file._BLOCK", 1024),
        ):
            clean_stream(scorer, edges, out, threshold=threshold)

    return [
        Writer(
            f"stream {name}",
            "cleaned",
            partial(clean, place / name, threshold=0.2),
            partial(clean, place / name, threshold=0.6),
            timed=("cleaned/summary.json",),
        )
        for name in ("edges.parquet", "edges")
    ]


def more_writers(model: RecDiff, parts: Parts, bundle: Path) -> list[Writer]:
    """Return the rest: every file format, and what export writes."""
    edges = pa.concat_tables(map(pa.table, model.clean_edges(0.3)[:2]))
    one, two = model.recommend(k=2), model.recommend(k=3)
    found = [handed(f"recommend {form}", form, one, two) for form in ("csv", "jsonl", "arrow", "sqlite", "neo4j")]
    found += [
        handed(f"clean-edges {form}", form, edges, edges.slice(1)) for form in ("csv", "npz", "parquet", "sqlite")
    ]
    changed = replace(parts, metadata={**parts.metadata, "threshold": "0.3"})
    assert parts.recommender is not None
    other = replace(parts.recommender, user_table=np.zeros_like(parts.recommender.user_table))
    return [
        *found,
        Writer("export", "onnx", lambda at: export_bundle(changed, at), lambda at: export_bundle(parts, at)),
        Writer(
            "export --huggingface",
            "hub",
            lambda at: export_huggingface(replace(parts, recommender=other), bundle, at),
            lambda at: export_huggingface(parts, bundle, at),
        ),
        Writer(
            "export --triton",
            "repository",
            lambda at: export_triton(parts, bundle, at),
            lambda at: export_triton(parts, bundle, at),
        ),
    ]

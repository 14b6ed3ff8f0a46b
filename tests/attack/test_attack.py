"""Killed, crowded and deceived: `make attack` runs the long form, the ordinary suite a short one."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from recdiff.data.dataset import SocialDataset
from recdiff.errors import ArtifactError
from recdiff.estimator import RecDiff
from recdiff_export.bundle.from_model import parts_of
from recdiff_export.bundle.write import export_bundle
from tests.attack.campaign import attack
from tests.attack.crash import DONE, REFUSED, child, ended, state
from tests.attack.hostile import CONSISTENT, PLAIN, chance, deceive, spoil
from tests.attack.tally import Tally
from tests.attack.writers import Writer, more_writers, streams, writers
from tests.scorer.test_shapes import RARE, SHAPES
from tests.scorer.test_shapes import check as check_shape

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked, which this system cannot"),
    # Said from Python 3.12 on; the children start no threads before they end.
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]
SHORT = (
    "fit",
    "clean-edges",
    "restore",
    "sample",
    "corrupt",
    "recommend parquet",
    "recommend npz",
    "clean-edges neo4j",
)
# Not SQLite: it writes below Python, and counts changes in its file, so equal tables are not equal bytes.
LONG = (
    "recommend csv", "recommend jsonl", "recommend arrow", "recommend neo4j", "clean-edges csv",
    "clean-edges npz", "clean-edges parquet", "export", "export --huggingface", "export --triton",
)  # fmt: skip


@pytest.fixture(scope="module")
def named(fitted: RecDiff, sample_dataset: SocialDataset) -> dict[str, Writer]:
    return {each.name: each for each in writers(fitted, sample_dataset)}


@pytest.fixture(scope="module")
def all_named(
    named: dict[str, Writer], fitted: RecDiff, model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Writer]:
    pytest.importorskip("grpc", reason="Triton's protobuf needs tritonclient[grpc]")
    parts = parts_of(model_folder)
    bundle = tmp_path_factory.mktemp("bundle") / "onnx"
    export_bundle(parts, bundle)
    return named | {each.name: each for each in more_writers(fitted, parts, bundle)}


@pytest.mark.parametrize("name", SHORT)
def test_a_killed_command_leaves_the_old_or_the_new_and_runs_again(
    named: dict[str, Writer], tmp_path: Path, name: str
) -> None:
    assert attack(named[name], tmp_path, existing=True) >= 4


@pytest.fixture(scope="module")
def streamed(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Writer]:
    place = tmp_path_factory.mktemp("streamed")
    export_bundle(parts_of(model_folder), place / "onnx")
    return {each.name: each for each in streams(place / "onnx", place)}


@pytest.mark.attack
@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("name", ["stream edges.parquet", "stream edges"])
def test_a_streamed_cleaning_killed_at_any_point_goes_on(
    streamed: dict[str, Writer], tmp_path: Path, tally: Tally, name: str, existing: bool, torn: bool
) -> None:
    points = attack(streamed[name], tmp_path, existing=existing, torn=torn)
    tally.add("crash points", points)
    print(f"{name}: {points} points")
    assert points > 20


@pytest.mark.attack
@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("name", SHORT + LONG)
def test_a_command_killed_at_any_point_runs_again(
    all_named: dict[str, Writer],
    tmp_path: Path,
    tally: Tally,
    name: str,
    existing: bool,
    torn: bool,
) -> None:
    points = attack(all_named[name], tmp_path, existing=existing, torn=torn)
    tally.add("crash points", points)
    print(f"{name}: {points} points")
    assert points >= 4


def crowd(writer: Writer, target: Path, rounds: int) -> list[int]:
    """Let two processes write at once, again and again; return how they ended."""
    codes = []
    for _ in range(rounds):
        pair = [child(lambda: writer.old(target)), child(lambda: writer.new(target))]
        codes += [ended(number) for number in pair]
    return codes


def check_crowd(writer: Writer, place: Path, rounds: int) -> None:
    """One of two writers ends well, the other too or with a refusal, and the result is that of one of them."""
    whole = []
    for turn in (writer.old, writer.new):
        shutil.rmtree(place / "alone", ignore_errors=True)
        (place / "alone").mkdir(parents=True)
        turn(place / "alone" / writer.target)
        whole.append(state(place / "alone"))
    (place / "work").mkdir()
    codes = crowd(writer, place / "work" / writer.target, rounds)
    assert set(codes) <= {DONE, REFUSED}
    assert codes.count(DONE) >= rounds
    assert state(place / "work") in whole


@pytest.mark.parametrize("name", ["fit", "recommend parquet"])
def test_two_writers_at_once_give_the_result_of_one(named: dict[str, Writer], tmp_path: Path, name: str) -> None:
    check_crowd(named[name], tmp_path, 8)


@pytest.mark.attack
@pytest.mark.parametrize("name", [*SHORT[:2], *SHORT[3:]])
def test_many_pairs_of_writers(named: dict[str, Writer], tmp_path: Path, tally: Tally, name: str) -> None:
    check_crowd(named[name], tmp_path, 60)
    tally.add("pairs of writers", 60)


def load_beside(writer: Writer, target: Path, loads: int) -> int:
    """Load a model ``loads`` times while another process writes it again and again; return how many were met."""
    writer.old(target)

    def write() -> None:
        while True:
            writer.new(target)
            writer.old(target)

    number, met = child(write), set()
    try:
        for _ in range(loads):
            RecDiff.load(target)
            met.add(target.stat().st_mtime_ns)  # Numbers of files are used again.
        assert os.waitpid(number, os.WNOHANG) == (0, 0), "the writer ended"
    finally:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
    return len(met)


def test_a_model_is_loaded_whole_beside_a_writer(named: dict[str, Writer], tmp_path: Path) -> None:
    assert load_beside(named["fit"], tmp_path / "model", 40) > 2


@pytest.mark.attack
def test_a_model_is_loaded_whole_beside_a_busy_writer(named: dict[str, Writer], tmp_path: Path, tally: Tally) -> None:
    met = load_beside(named["fit"], tmp_path / "model", 2_000)
    print(f"{met} models met")
    assert met > 20
    tally.add("loads beside a writer", 2_000)


@pytest.mark.parametrize("name", PLAIN)
def test_a_model_folder_that_was_spoiled_is_refused(
    model_folder: Path, tmp_path: Path, tally: Tally, name: str
) -> None:
    for folder in spoil(model_folder, tmp_path, name):
        with pytest.raises(ArtifactError):
            RecDiff.load(folder)
        tally.add("hostile folders", 1)


@pytest.mark.attack
@pytest.mark.parametrize("name", CONSISTENT)
def test_a_model_folder_with_false_content_and_true_hashes_is_refused(
    model_folder: Path, tmp_path: Path, tally: Tally, name: str
) -> None:
    with pytest.raises(ArtifactError):
        RecDiff.load(deceive(model_folder, tmp_path / "model", name))
    tally.add("hostile folders", 1)


def use(folder: Path) -> bool:
    """Load a model folder and do with it what commands do; tell whether it was refused by name."""
    try:
        model = RecDiff.load(folder)
    except ArtifactError:
        return True
    edges = model.edges_
    one, other = (edges[name][0].as_py() for name in ("src", "dst"))
    model.clean_edges(threshold=0.3)
    model.score_edges([one, other], [other, one])
    model.explain_edge(one, other)
    model.explain_recommendations(model.recommend([one], 3))
    return False


def test_a_model_folder_changed_by_chance_with_hashes_that_fit_is_refused_or_works(
    model_folder: Path, tmp_path: Path
) -> None:
    refused = [use(chance(model_folder, tmp_path / "model", seed)) for seed in range(60)]
    assert 20 < sum(refused) < 60


@pytest.mark.attack
def test_no_model_folder_changed_by_chance_ends_in_an_error_of_no_name(
    model_folder: Path, tmp_path: Path, tally: Tally
) -> None:
    refused = [use(chance(model_folder, tmp_path / "model", seed)) for seed in range(1_000, 1_400)]
    print(f"{sum(refused)} of {len(refused)} refused")
    tally.add("hostile folders", len(refused))


@pytest.mark.attack
@pytest.mark.parametrize("shape", SHAPES | RARE)
def test_a_graph_of_every_shape_is_scored(tally: Tally, shape: str) -> None:
    edges = np.array((SHAPES | RARE)[shape](), np.int64)
    for directed in (False, True):
        check_shape(edges, directed)
    tally.add("graph shapes", 1)

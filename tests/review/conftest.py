"""A small society with a ring of accounts in it that came about within a week, and a model fitted on it."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recdiff.audit.place import noted
from recdiff.config import Config
from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.estimator import RecDiff
from recdiff.review.desk import Desk

RING = 16
WEEK, YEAR, START = 7 * 86_400, 365 * 86_400, 1_700_000_000


@dataclass(frozen=True)
class Place:
    """Where the data and the model are, as `fit` leaves them."""

    data: Path
    model: Path

    def desk(self, **given: object) -> Desk:
        return Desk(self.model, **{"who": "ann", **given})  # type: ignore[arg-type]

    def refit(self) -> None:
        """Put another model in the folder's place, with other scores."""
        model = RecDiff.load(self.model)
        edges = model.fitted_.edges
        scores = pa.array(0.9 * model.fitted_.scores, pa.float32())
        edges = edges.set_column(edges.column_names.index("fake_score"), "fake_score", scores)
        model.fitted_ = replace(model.fitted_, edges=edges)
        model.save(self.model)


@pytest.fixture(scope="session")
def town(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The data and the model; tests must not change them."""
    rng = np.random.default_rng(5)
    data = tmp_path_factory.mktemp("town") / "data"
    shutil.copytree(sample_folder, data)
    with (data / "social.csv").open(encoding="utf-8") as stream:
        edges = [(row["src"], row["dst"], START + rng.random() * YEAR) for row in csv.DictReader(stream)]
    ring = [f"ring-{number:02}" for number in range(RING)]
    inner = [(one, other) for place, one in enumerate(ring) for other in ring[:place] if rng.random() < 0.6]
    outer = [(one, edges[int(rng.integers(len(edges)))][0]) for one in ring[:6]]
    edges += [(*pair, START + YEAR / 2 + rng.random() * WEEK) for pair in inner + outer]
    with (data / "social.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("src", "dst", "tied_at"))
        writer.writerows((src, dst, int(when)) for src, dst, when in edges)
    config = replace(Config(), device="cpu", scorer=ScorerConfig(folds=2, divisions=1, rounds=1))
    model = RecDiff(config=config).fit(SocialDataset.read(data, directed=False))
    folder = data.parent / "recdiff-model"
    model.fitted_ = noted(model.fitted_, data, folder)
    model.save(folder)
    return Place(data, folder)


@pytest.fixture
def place(town: Place, tmp_path: Path) -> Place:
    """A copy that a test may change."""
    for folder in (town.data, town.model):
        shutil.copytree(folder, tmp_path / folder.name)
    return Place(tmp_path / town.data.name, tmp_path / town.model.name)


@contextmanager
def served(place: Place, *options: object) -> Iterator[str]:
    """Run `recdiff-sdk review` and yield the page's address; it is ended with Ctrl-C and has to end in order."""
    command = [sys.executable, "-c", "from recdiff_cli.main import main; main()", "review"]
    command += ["--model", str(place.model), "--port", "0", *map(str, options)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"open (http://127\.0\.0\.1:\d+/[\w-]{32}/) ", line)
        assert found, line + process.stderr.read()
        yield found[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def desk(place: Place) -> Desk:
    return place.desk()

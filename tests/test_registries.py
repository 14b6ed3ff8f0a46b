"""A kind of fake or a study that somebody's own module registers is known everywhere, with no other line changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = [str(ROOT / each) for each in ("sdk", "cli", "export", "adapters", "docs")]
OWN = """
import numpy as np
from recdiff.fakes import kinds
from recdiff.studies import registry

def circle(graph, count, rng):
    first = rng.integers(0, graph.num_users, 4 * count)
    return np.stack([first, (first + 1) % graph.num_users], axis=1)

kinds.register(
    kinds.Kind(
        "circle",
        "an edge to the next in line",
        sampled=True,
        injected=True,
        propose=circle,
        in_sample=0.1,
        made_as="neighbours by number",
    )
)
registry.register(registry.Study("moons", "Moons", "Does the moon matter?", lambda: None))
"""


def with_own(folder: Path, code: str) -> str:
    """Run ``code`` after a module that registers a kind and a study; return what it prints."""
    (folder / "own.py").write_text(OWN, encoding="utf-8")
    paths = os.pathsep.join([str(folder), *PACKAGES])
    done = subprocess.run(
        [sys.executable, "-c", f"import own\n{code}"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "300", "NO_COLOR": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("command", "name"), [("corrupt", "circle"), ("study", "moons")])
def test_the_command_line_helps_with_it(tmp_path: Path, command: str, name: str) -> None:
    code = f"import sys; sys.argv = ['recdiff-sdk', '{command}', '--help']\nfrom recdiff_cli.main import main\nmain()"
    assert name in with_own(tmp_path, code)


@pytest.mark.parametrize(
    ("page", "rows"),
    [
        ("cleaning.md", ["| an edge to the next in line | always |", "| `circle` | an edge to the next in line |\n"]),
        ("data-format.md", ["| `circle` | neighbours by number |\n"]),
        ("studies.md", ["| `moons` | Does the moon matter? |"]),
    ],
)
def test_the_documentation_has_a_row_for_it(tmp_path: Path, page: str, rows: list[str]) -> None:
    code = f"import tables\nprint(tables.filled(open({str(ROOT / 'docs' / page)!r}, encoding='utf-8').read()))"
    made = with_own(tmp_path, code)
    assert all(row in made for row in rows)


def test_it_is_drawn_and_injected_and_the_scorer_learns_it(tmp_path: Path) -> None:
    code = """
import numpy as np
from recdiff.fakes.injection import corrupt
from recdiff.fakes.kinds import sampled
from recdiff.graph.social_graph import SocialGraph
edges = np.array([[0, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7], [6, 8]])
made = corrupt(SocialGraph(edges, 30, False), kind="circle", share=1.0, mode="add", rng=np.random.default_rng(0))
fakes = made.edges[made.is_fake]
print(len(fakes), set(np.abs(fakes[:, 0] - fakes[:, 1]).tolist()) <= {1, 29}, "circle" in sampled())
"""
    assert with_own(tmp_path, code).split() == ["7", "True", "True"]


def test_the_sample_has_it(tmp_path: Path) -> None:
    code = """
from recdiff.sample.folder import make_sample
made = make_sample(500)
rows = made.truth.filter([kind == "circle" for kind in made.truth["kind"].to_pylist()])
print(0 < rows.num_rows < 0.1 * made.truth.num_rows, set(rows["is_fake"].to_pylist()))
"""
    assert with_own(tmp_path, code).split() == ["True", "{True}"]


def test_tables_in_the_documentation_are_those_of_the_registries() -> None:
    code = """
import tables
for page in (tables.ROOT / "docs").glob("*.md"):
    text = page.read_text(encoding="utf-8")
    assert tables.filled(text) == text, page
"""
    command = [sys.executable, "-c", code]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(PACKAGES)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, f"{done.stderr}\nrun python docs/tables.py"


def test_every_study_has_what_runs_it() -> None:
    from recdiff.studies.registry import STUDIES

    assert all(callable(each.load()) for each in STUDIES)

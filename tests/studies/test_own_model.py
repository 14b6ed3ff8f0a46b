"""A model of one's own is compared on a copy of the same task; its faults are named, its code belongs to its cells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from recdiff.baselines.task import Task, validation_judge
from recdiff.data.dataset import SocialDataset
from recdiff.errors import UsageError
from recdiff.metrics.ranking import rank
from recdiff.studies.lab.contenders import fit_contender, is_seeded
from recdiff.studies.lab.source import Source
from recdiff.studies.lab.trial import run_trial, trial_cell
from recdiff.studies.systems.contender import Contender
from recdiff.studies.systems.invited import Invited
from recdiff.studies.systems.own_model import own_model
from tests.pages.blocks import ROOT, blocks

Run = Callable[..., tuple[int, str, str]]
PAGE = ROOT / "docs" / "own-model.md"
NAME = "mymodel:FriendsAndNeighbours"
GOOD = """
import numpy as np

class Own:
    def fit(self, task):
        self.task = task
        self.rows = np.asarray(task.train.todense())

    def scores(self, users):
        return self.rows[users]
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in a new folder; what is imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def fitted(source: Source, path: str, text: str, **settings: Any) -> tuple[SocialDataset, Contender]:
    """Write ``text`` to the module that ``path`` names, and fit the class."""
    Path(f"{path.partition(':')[0]}.py").write_text(text, encoding="utf-8")
    dataset = source.read()
    judge = validation_judge(dataset.train, dataset.validation)
    return dataset, fit_contender(path, dataset, settings=settings, seed=3, epochs=7, judge=judge)


def test_the_model_of_the_page_joins_the_table_and_a_changed_line_runs_it_anew(run: Run, source: Source) -> None:
    (model,) = [block.text for block in blocks(PAGE) if block.language == "python"]
    assert len(model.splitlines()) <= 40
    file, cells = Path("mymodel.py"), Path("studies/cells")
    file.write_text(model, encoding="utf-8")
    command = ["study", "overall", source.folder, "--quick", "--seeds", 1, "--beside", "popularity", "--model", NAME]
    code, out, err = run(*command, "--jobs", 2, "--json")
    assert code == 0, err
    rows = [row for row in json.loads(out)["studies"]["overall"]["rows"] if row["model"] == NAME]
    assert len(rows) == 12
    assert {row["against"] for row in rows} == {"popularity"}
    assert run("report")[0] == 0
    page = Path("studies/report.html").read_text(encoding="utf-8")
    assert NAME in page
    assert "Published elsewhere, other splits: not comparable cell by cell" in page

    before = {each: each.stat().st_mtime_ns for each in cells.iterdir()}
    assert [model_of(each) for each in before].count(NAME) == 3
    changed = model.replace("self.friends * task.social", "self.friends**2 * task.social")
    assert changed != model
    file.write_text(changed, encoding="utf-8")
    assert run(*command, "--jobs", 1)[0] == 0
    after = {each: each.stat().st_mtime_ns for each in cells.iterdir()}
    assert {each: after[each] for each in before} == before
    assert [model_of(each) for each in set(after) - set(before)] == 3 * [NAME]


def model_of(cell: Path) -> str:
    name: str = json.loads(cell.read_text(encoding="utf-8"))["cell"]["settings"]["model"]
    return name


def test_a_model_is_judged_as_all_are(source: Source) -> None:
    dataset, made = fitted(source, "plain:Own", GOOD)
    assert made.validation == validation_judge(dataset.train, dataset.validation)(made.score)
    users = np.array([4, 2])
    np.testing.assert_array_equal(made.score(users), dataset.train[users].toarray())
    # What it was trained on is masked, so a model that repeats it earns what the order of the items gives.
    ranking = rank(made.score, dataset.train, dataset.test)
    nothing = rank(lambda some: np.zeros((len(some), dataset.train.shape[1]), np.float32), dataset.train, dataset.test)
    np.testing.assert_array_equal(ranking.values["recall@20"], nothing.values["recall@20"])


def test_what_a_model_is_given_is_a_copy_without_test_interactions(source: Source) -> None:
    text = GOOD.replace("self.task = task", "Own.seen = task; task.judge(self.last)") + (
        "    def last(self, users):\n        return np.zeros((len(users), self.items))\n"
    )
    text = text.replace(
        "    def fit(self, task):\n", "    def fit(self, task):\n        self.items = task.train.shape[1]\n"
    )
    dataset, _ = fitted(source, "seeing:Own", text)
    task: Task = vars(own_model("seeing:Own").made)["seen"]
    assert (task.seed, task.epochs) == (3, 7)
    found = list(within(task, set()))
    held = [each for each in found if sp.issparse(each)]
    assert any(same(each, dataset.train) for each in held)
    assert any(same(each, dataset.validation) for each in held)
    assert not any(same(each, dataset.test) for each in held)
    ours = [dataset.edges, *(part.data for part in (dataset.train, dataset.validation, dataset.test))]
    theirs = [each.data if sp.issparse(each) else each for each in found]
    assert not [1 for a in theirs for b in ours if isinstance(a, np.ndarray) and np.shares_memory(a, b)]


def within(value: Any, met: set[int]) -> Iterator[Any]:
    """Yield what is reached from ``value`` through attributes, containers and what functions enclose."""
    if id(value) in met or isinstance(value, type):
        return
    met.add(id(value))
    yield value
    inner: list[Any] = list(getattr(value, "__dict__", {}).values())
    inner += [cell.cell_contents for cell in getattr(value, "__closure__", None) or ()]
    inner += list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list | tuple) else []
    inner += [value.__self__] if hasattr(value, "__self__") else []
    for each in inner:
        if not isinstance(each, str | int | float):
            yield from within(each, met)


def same(one: Any, other: Any) -> bool:
    return one.shape == other.shape and (one != other).nnz == 0


def test_a_model_that_spoils_what_it_gets_spoils_nobody(source: Source) -> None:
    before = source.read()
    parts = (before.edges.copy(), before.train.copy(), before.validation.copy())
    text = GOOD.replace("self.task = task", "task.graph.edges[:] = 0; task.train.data[:] = 9; np.random.seed(1)")
    state = np.random.get_state()[1].copy()
    dataset, made = fitted(source, "spoiling:Own", text)
    given = made.score(np.array([0]))
    given[:] = -1.0
    assert (made.score(np.array([0])) >= 0).all()
    np.testing.assert_array_equal(dataset.edges, parts[0])
    assert same(dataset.train, parts[1])
    assert same(dataset.validation, parts[2])
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_a_model_that_leaves_most_items_out_is_credited_with_its_own_alone(source: Source) -> None:
    text = GOOD.replace(
        "return self.rows[users]", "return np.where(np.arange(self.rows.shape[1]) < 1, 1.0, -np.inf) * 1"
    )
    text = text.replace("-np.inf) * 1", "np.full((len(users), self.rows.shape[1]), -np.inf))")
    dataset, made = fitted(source, "silent:Own", text)
    ranking = rank(made.score, dataset.train, dataset.test)
    held = dataset.test[ranking.users]
    first = held[:, [0]].toarray().ravel() / np.diff(held.indptr)
    np.testing.assert_allclose(ranking.values["recall@40"], first)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "def scores",
            "def score",
            r"bad:Own: class Own has no method scores; a model has fit\(self, task\) and scores",
        ),
        ("def fit", "def learn", r"bad:Own: class Own has no method fit"),
        ("class Own", "class Mine", r"bad:Own: module bad has no class 'Own'"),
        ("class Own", "Own = 3\nclass Mine", r"bad:Own: module bad has something else than a class called 'Own'"),
        ("import numpy as np", "import numpyy as np", r"importing bad raised ModuleNotFoundError.*bad\.py, line 2"),
        ("import numpy as np", "import numpy as np\nx = (", r"importing bad raised SyntaxError"),
        (
            "self.rows[users]",
            "self.rows[users][:, 1:]",
            r"bad:Own: scores gave shape \(\d+, \d+\) for \d+ users and \d+ it",
        ),
        ("self.rows[users]", "self.rows[users] * np.nan", r"bad:Own: scores gave nan for .* first in row 0, item 0"),
        (
            "self.rows[users]",
            "np.where(self.rows[users], 1, np.inf)",
            r"bad:Own: scores gave inf .* or -inf to leave it",
        ),
        (
            "self.rows[users]",
            "None",
            r"bad:Own: scores gave NoneType; expected an array of numbers of shape \(\d+, \d+\)",
        ),
        ("self.rows[users]", "self.task.train[users]", r"bad:Own: scores gave csr_matrix; expected an array"),
        (
            "self.task = task",
            "self.task = task.tran",
            r"bad:Own: fit raised AttributeError.*bad\.py, line 6: self\.task",
        ),
        ("self.task = task", "task.judge(3)", r"bad:Own: fit gave task\.judge int; give it a function of users"),
        ("self.task = task", "task.judge(lambda u: u)", r"what fit gave task\.judge gave shape \(\d+,\) for"),
        ("def fit", "space = {'a': 3}\n    def fit", r"bad:Own: Own\.space is \{'a': 3\}; expected names of settings"),
        ("def fit", "seeded = 'no'\n    def fit", r"bad:Own: Own\.seeded is 'no'; accepted: True, False"),
    ],
)
def test_a_fault_is_named_with_model_and_method(source: Source, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"^--model .*{message}"):
        fitted(source, "bad:Own", GOOD.replace(old, new))[1].score(np.array([0]))


def test_what_a_model_prints_is_no_result(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    _, made = fitted(source, "loud:Own", GOOD.replace("return", "print('asked');return") + "print('imported')\n")
    made.score(np.array([0]))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert {"asked", "imported"} == set(printed.err.split())


def test_settings_that_a_model_does_not_take_are_named(source: Source) -> None:
    with pytest.raises(UsageError, match=r"odd:Own: __init__ raised TypeError: .*takes no arguments"):
        fitted(source, "odd:Own", GOOD, depth=3)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere:Own", r"there is no Python source of module 'nowhere' in .* or among the installed packages"),
        ("__main__:Own", r"there is no Python source of module '__main__'"),
        ("sys:Own", r"there is no Python source of module 'sys'"),
        ("plain", r"--model plain: expected package\.module:Class, e\.g\. mymodel:MyModel"),
        ("a b:Own", r"expected package\.module:Class"),
        ("random:Random", r"class Random has no method fit"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        own_model(path)


def test_a_module_that_changed_is_imported_anew_with_what_lies_beside_it() -> None:
    Path("outer.py").write_text("from beside import SPACE\n" + GOOD + "    space = SPACE\n", encoding="utf-8")
    Path("beside.py").write_text("SPACE = {'a': [1, 2]}\n", encoding="utf-8")
    first = own_model("outer:Own")
    assert own_model("outer:Own").made is first.made
    Path("beside.py").write_text("SPACE = {'a': [1, 2, 3]}\n", encoding="utf-8")
    second = own_model("outer:Own")
    assert (first.space, second.space) == ({"a": [1, 2]}, {"a": [1, 2, 3]})
    assert first.code != second.code


def test_a_module_is_not_put_in_the_place_of_one_in_use() -> None:
    for name in ("random", "numpy"):
        Path(f"{name}.py").write_text(GOOD.replace("import numpy as np", ""), encoding="utf-8")
        with pytest.raises(
            UsageError, match=rf"a module '{name}' is in use already, from .*; give .*{name}\.py another"
        ):
            own_model(f"{name}:Own")
    assert sys.modules["numpy"] is np


def test_source_that_changes_while_a_study_runs_is_noticed(source: Source) -> None:
    Path("hasty.py").write_text(GOOD, encoding="utf-8")
    cell = trial_cell("d", "hasty:Own", {}, 0, None, final=True)
    assert set(run_trial(cell, source)) >= {"validation", "test"}
    assert is_seeded("hasty:Own")
    Path("hasty.py").write_text(f"{GOOD}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"hasty:Own: its source changed while the study ran; run the study again"):
        run_trial(cell, source)


def test_what_cannot_be_compared_is_refused(run: Run, source: Source) -> None:
    study = ("study", "overall", source.folder)
    assert "error: --beside eese (did you mean 'ease'?)" in run(*study, "--beside", "eese")[2]
    assert "add a baseline, which the others are compared with" in run(*study, "--beside", "recdiff")[2]
    assert "--model a:B: is given twice" in run(*study, "--model", "a:B", "--model", "a:B")[2]
    code, _, err = run("study", "case", source.folder, "--model", "a:B")
    assert (code, err) == (2, "error: study case: --model, --scores and --beside belong to study overall\n")
    assert not Invited().anyone


def test_a_study_that_is_interrupted_says_how_to_go_on(source: Source) -> None:
    slow = GOOD.replace("self.task = task", "open('begun', 'w').close(); __import__('time').sleep(60)")
    Path("slow.py").write_text(slow, encoding="utf-8")
    start = [sys.executable, "-c", "from recdiff_cli.main import main; main()"]
    words = [
        "study",
        "overall",
        str(source.folder),
        "--quick",
        "--jobs",
        "1",
        "--beside",
        "popularity",
        "--model",
        "slow:Own",
    ]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([*start, *words], env=env, stderr=subprocess.PIPE, text=True) as study:
        while not Path("begun").exists() and study.poll() is None:
            time.sleep(0.05)
        study.send_signal(signal.SIGINT)
        _, err = study.communicate()
    assert study.returncode == 130
    *notes, last = err.splitlines()
    assert all(each.startswith("note: ") for each in notes), err
    assert (
        last
        == f"stopped; what is finished is kept, and the same command goes on from there: recdiff-sdk {' '.join(words)}"
    )

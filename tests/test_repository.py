"""What stands around the packages agrees with them: version, date, Pythons, workflow, templates."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from recdiff.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [found[1] for each in PROJECT["classifiers"] if (found := re.fullmatch(r".*Python :: (3\.\d+)", each))]
NAMED = ("CITATION.cff", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "README.md", "LICENSE")


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_changelog_and_citation_name_the_version_and_its_day() -> None:
    released = re.findall(r"^## \[(\d.*)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    citation = read("CITATION.cff")
    assert released[0] == (VERSION, citation["date-released"])
    assert citation["version"] == VERSION
    assert citation["license"] == PROJECT["license"]


def test_the_workflow_runs_the_suite_on_every_python_and_on_the_oldest_dependencies() -> None:
    jobs = read(".github/workflows/ci.yml")["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == PYTHONS
    assert [step["run"] for step in jobs["test"]["steps"] if "run" in step] == [".ci/run"]
    assert [step["run"] for step in jobs["oldest"]["steps"] if "run" in step] == ["make test-oldest"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert "\ntest-oldest:" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"


def test_hooks_are_the_tools_of_the_suite() -> None:
    (local,) = read(".pre-commit-config.yaml")["repos"]
    assert [hook["id"] for hook in local["hooks"]] == ["ruff-check", "ruff-format", "mypy"]


@pytest.mark.parametrize("template", ["ISSUE_TEMPLATE/fault.md", "ISSUE_TEMPLATE/wish.md", "pull_request_template.md"])
def test_templates_ask_for_what_was_seen(template: str) -> None:
    text = (ROOT / ".github" / template).read_text(encoding="utf-8")
    front = re.match(r"---\n(.*?)\n---\n", text, re.S)
    assert template.startswith("pull") or (front and set(yaml.safe_load(front[1])) == {"name", "about"})
    assert "**" in text


@pytest.mark.parametrize("name", NAMED)
def test_links_between_the_files_at_the_root_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / target).exists(), f"{name}: {target}"

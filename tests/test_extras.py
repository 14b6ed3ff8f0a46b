"""What is said of installing works in a checkout and with a wheel, and names extras that there are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from recdiff.extras import install_with

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(("extra", "target"), [("ray", "'.[ray]'"), ("", ".")])
def test_a_checkout_and_a_wheel_are_named(extra: str, target: str) -> None:
    said = f"pip install {target} in a checkout, or with the wheel's file in place of the dot"
    assert install_with(extra) == said


def test_extras_that_messages_name_are_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    files = [file for folder in ("sdk", "cli", "export", "adapters") for file in (ROOT / folder).rglob("*.py")]
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    named = {extra for text in texts.values() for extra in re.findall(r"install_with\([\"'](\w+)[\"']\)", text)}
    assert named == {"mlflow", "pandas", "polars", "ray", "study", "triton", "tune"}
    assert named <= set(extras)
    assert [file for file, text in texts.items() if re.search(r"pip install '?recdiff-sdk", text)] == []

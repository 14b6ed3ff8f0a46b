"""Settings given by name, as in ``RecDiff(width=32, scorer__folds=3)``."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from recdiff.config import Config, PaperConfig
from recdiff.config.recommender import RecommenderConfig
from recdiff.config.scorer import ScorerConfig
from recdiff.errors import UsageError

SECTIONS = {"recommender": RecommenderConfig, "paper": PaperConfig, "scorer": ScorerConfig}
OWN = ("fake_share", "final", "blend")
"""Settings of no section; ``preset``, ``seed`` and ``device`` have arguments of their own."""


def check_names(settings: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Refuse names that are no setting: of a fit, of the recommender, or SECTION__NAME.

    Args:
        arguments: what RecDiff takes besides, for the message.

    Raises:
        UsageError: naming the one that is none, and the nearest that is one.
    """
    known = {*OWN, *_names("recommender"), *_names("paper"), *_spelled()}
    for name in settings:
        if name not in known:
            close = difflib.get_close_matches(name, [*arguments, *known], n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise UsageError(
                f"RecDiff has no parameter {name!r}{hint}; it has {', '.join(arguments)}, settings of the preset's "
                "recommender such as width=32, and those of a section such as scorer__folds=3"
            )


def configured(base: Config, settings: Mapping[str, Any]) -> Config:
    """Return ``base`` with ``settings``; a plain name is one of the preset's recommender.

    Raises:
        UsageError: a setting that the preset has not, or a value that makes no sense.
    """
    values = base.to_dict()
    for name, value in settings.items():
        section, _, setting = name.rpartition("__")
        if name in OWN:
            values[name] = value
            continue
        section = section or {"default": "recommender", "paper": "paper"}[base.preset]
        inner = values
        for part in section.split("__"):
            inner = inner[part]
        if setting not in inner:
            raise UsageError(f"preset {base.preset!r} has no setting {setting!r}; it has {', '.join(inner)}")
        inner[setting] = value
    return Config.from_dict(values, "RecDiff")


def _names(section: str) -> list[str]:
    return [each.name for each in dataclasses.fields(SECTIONS[section])]


def _spelled() -> list[str]:
    """Return every setting of a section as SECTION__NAME, those of sections in a section too."""
    found: list[str] = []

    def walk(prefix: str, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, Mapping):
                walk(f"{prefix}{name}__", value)
            else:
                found.append(f"{prefix}{name}")

    walk("", {name: dataclasses.asdict(section()) for name, section in SECTIONS.items()})
    return found

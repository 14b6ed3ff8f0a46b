"""All settings in one place: frozen dataclasses, read from TOML, environment and flags.

Precedence: default < TOML file < environment (``RECDIFF_SEED``, ``RECDIFF_PAPER__EPOCHS``) < flags.
An unknown key is an error with a suggestion.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from recdiff.config.bounds import expect
from recdiff.config.recommender import RecommenderConfig
from recdiff.config.scorer import ScorerConfig
from recdiff.errors import UsageError
from recdiff.machine.memory import bytes_within

PREFIX = "RECDIFF_"
MOST_BYTES, MOST_DOTS = 1 << 20, 100
"""Of a file of settings, and in one line of it: each dot is a table in a table."""
# Environment names that mean something else than a setting.
RESERVED = frozenset({"RECDIFF_DATA", "RECDIFF_MAX_MEMORY", "RECDIFF_RECBOLE_VENV", "RECDIFF_TOKEN"})


@dataclass(frozen=True)
class PaperConfig:
    """The published model (RecDiff, CIKM 2024) with the Ciao settings of its authors.

    Attributes:
        width: D, embedding width.
        layers, social_layers: graph layers over interactions and over social edges.
        time_width: H, width of the time embedding, even.
        steps: T, diffusion steps.
        noise_scale: tau of the schedule, see ``diffusion.linear_variance``.
        dropout: share of the denoiser's input dropped in training.
        learning_rate, denoiser_learning_rate: of the two Adam optimisers.
        learning_rate_decay: factor per epoch.
        regularisation: weight of the squared norms of the batch's vectors.
        batch_size: interactions per step.
        epochs, evaluate_every, patience: at most so many epochs; evaluations that may pass without gain.
        denoising: "diffusion", or an ablation: "autoencoder", "identity", "none".
        social: "given", or an ablation: "none", "random" (same degrees).
    """

    width: int = 64
    layers: int = 2
    social_layers: int = 2
    time_width: int = 16
    steps: int = 20
    noise_scale: float = 1.0
    dropout: float = 0.5
    learning_rate: float = 5e-3
    denoiser_learning_rate: float = 1e-3
    learning_rate_decay: float = 0.985
    regularisation: float = 1e-2
    batch_size: int = 2048
    epochs: int = 150
    evaluate_every: int = 5
    patience: int = 20
    denoising: Literal["diffusion", "autoencoder", "identity", "none"] = "diffusion"
    social: Literal["given", "none", "random"] = "given"

    def __post_init__(self) -> None:
        _check_types(self)
        counts = "width", "layers", "social_layers", "time_width", "steps", "batch_size", "evaluate_every", "patience"
        expect(self, "paper.", counts, least=1)
        expect(self, "paper.", ("epochs", "regularisation", "noise_scale"), least=0)
        expect(self, "paper.", ("learning_rate", "denoiser_learning_rate", "learning_rate_decay"), above=0)
        expect(self, "paper.", ("dropout",), least=0, below=1)


@dataclass(frozen=True)
class Config:
    """Everything a fit depends on besides the data.

    Attributes:
        preset: "default" (ours) or "paper" (the published equations).
        seed: of every random draw.
        device: "auto", "cpu" or "cuda".
        fake_share: the share of fake edges where it is known; None: estimated from the data.
        final: what the delivered recommender learns from once validation has chosen its settings: "all" interactions,
            or those to "train" on alone. Preset "paper" delivers what was chosen.
        blend: blend the default preset's recommender with simple members where validation says that this is better.
        scorer: settings of the edge scorer.
        recommender: settings of the default preset's recommender.
        paper: settings of the published model.
    """

    preset: Literal["default", "paper"] = "default"
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    fake_share: float | None = None
    final: Literal["all", "train"] = "all"
    blend: bool = True
    scorer: ScorerConfig = field(default_factory=ScorerConfig)
    recommender: RecommenderConfig = field(default_factory=RecommenderConfig)
    paper: PaperConfig = field(default_factory=PaperConfig)

    def __post_init__(self) -> None:
        _check_types(self)
        expect(self, "", ("seed",), least=0)
        expect(self, "", ("fake_share",), above=0, below=1)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values, nested by section."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], origin: str = "configuration") -> Config:
        """Build from nested plain values.

        Raises:
            UsageError: for an unknown key (with a suggestion) or a value of the wrong kind.
        """
        config: Config = _build(cls, values, origin)
        return config


def load_config(
    file: Path | None = None, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> Config:
    """Return the settings of file, environment and flags, the later winning.

    Args:
        file: a TOML file, or None.
        flags: nested values; None values are flags not given.
        environment: defaults to the process environment.

    Raises:
        UsageError: for a file that is missing or no TOML, an unknown key, or a value of the wrong kind.
    """
    merged: dict[str, Any] = {}
    if file is not None:
        _merge(merged, Config.from_dict(_read_toml(file), str(file)).to_dict(), _read_toml(file))
    for name, value in sorted((os.environ if environment is None else environment).items()):
        if name.startswith(PREFIX) and name not in RESERVED:
            _set_from_environment(merged, name, value)
    _merge_given(merged, flags or {})
    return Config.from_dict(merged)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        text = bytes_within(file, MOST_BYTES).decode("utf-8")
        if max(line.count(".") for line in text.split("\n")) > MOST_DOTS:
            raise RecursionError
        return tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{file}: cannot read the configuration: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise UsageError(f"{file}: not valid TOML: {reason}") from None


def _merge(target: dict[str, Any], checked: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Take from ``checked`` what ``given`` names."""
    for key, value in given.items():
        if isinstance(value, Mapping):
            _merge(target.setdefault(key, {}), checked[key], value)
        else:
            target[key] = checked[key]


def _merge_given(target: dict[str, Any], flags: Mapping[str, Any]) -> None:
    for key, value in flags.items():
        if isinstance(value, Mapping):
            _merge_given(target.setdefault(key, {}), value)
        elif value is not None:
            target[key] = value


def _set_from_environment(target: dict[str, Any], name: str, text: str) -> None:
    path = name.removeprefix(PREFIX).lower().split("__")
    cls: Any = Config
    for section in path[:-1]:
        cls = _hints(cls).get(section)
        if not dataclasses.is_dataclass(cls):
            raise UsageError(f"{name}: no section {section!r}; sections are {', '.join(_sections(Config))}")
        target = target.setdefault(section, {})
    hint = _hints(cls).get(path[-1])
    if hint is None or dataclasses.is_dataclass(hint):
        raise UsageError(f"{name}: no setting {path[-1]!r}{_suggestion(path[-1], _hints(cls))}")
    target[path[-1]] = _parse(hint, text, name)


def _parse(hint: Any, text: str, name: str) -> Any:
    if typing.get_origin(hint) is tuple:
        return tuple(_parse(typing.get_args(hint)[0], part, name) for part in text.split(","))
    kind = _plain(hint)
    if kind is bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise UsageError(f"{name}={text!r}: expected true or false")
        return text.lower() in ("true", "1")
    try:
        return kind(text)
    except ValueError as error:
        raise UsageError(f"{name}={text!r}: expected {kind.__name__}") from error


def _build(cls: Any, values: Mapping[str, Any], origin: str, section: str = "") -> Any:
    hints = _hints(cls)
    built: dict[str, Any] = {}
    for key, value in values.items():
        hint = hints.get(key)
        if hint is None:
            raise UsageError(f"{origin}: unknown setting {section + key!r}{_suggestion(key, hints)}")
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise UsageError(f"{origin}: {section + key!r} is a section of settings, not {value!r}")
            built[key] = _build(hint, value, origin, f"{section}{key}.")
        else:
            built[key] = _checked(hint, value, f"{origin}: {section}{key}")
    return cls(**built)


def _check_types(config: Any) -> None:
    for name, hint in _hints(type(config)).items():
        value = getattr(config, name)
        if dataclasses.is_dataclass(hint) and isinstance(value, typing.cast(type, hint)):
            _check_types(value)
        else:
            _checked(hint, value, name)


def _checked(hint: Any, value: Any, where: str) -> Any:
    """Return ``value`` where it is of the kind ``hint`` names (an integer passes for a float)."""
    if typing.get_origin(hint) is Literal:
        if value not in typing.get_args(hint):
            accepted = ", ".join(repr(choice) for choice in typing.get_args(hint))
            raise UsageError(f"{where} = {value!r}: accepted are {accepted}")
        return value
    if value is None and type(None) in typing.get_args(hint):
        return None
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise UsageError(f"{where} = {value!r}: expected a list")
        return tuple(_checked(typing.get_args(hint)[0], each, where) for each in value)
    kind = _plain(hint)
    number = kind is float and isinstance(value, int) and not isinstance(value, bool)
    right = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not (right or number):
        raise UsageError(f"{where} = {value!r}: expected {kind.__name__}")
    if kind in (int, float) and not value >= 0:
        raise UsageError(f"{where} = {value!r}: expected a number of at least 0")
    return kind(value)


def _plain(hint: Any) -> Any:
    """Return the type of ``hint`` with None and Literal taken off."""
    if typing.get_origin(hint) is Literal:
        return str
    if isinstance(hint, types.UnionType):
        return next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return hint


def _hints(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {each.name: hints[each.name] for each in dataclasses.fields(cls)}


def _sections(cls: Any) -> Iterator[str]:
    return (name for name, hint in _hints(cls).items() if dataclasses.is_dataclass(hint))


def _suggestion(key: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"

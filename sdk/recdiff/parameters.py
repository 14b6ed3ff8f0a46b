"""What a RecDiff is made with, and what scikit-learn's tools ask of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from recdiff.config import Config
from recdiff.model.fitted import Fitted
from recdiff.notebook import html_table, sentence
from recdiff.settings import check_names, configured

if TYPE_CHECKING:
    from sklearn.utils import Tags


class Parameters:
    """Arguments and settings, named, set and shown; ``config_`` and ``fitted_`` are there after a fit."""

    config_: Config
    fitted_: Fitted

    def __init__(
        self,
        preset: Literal["default", "paper"] = "default",
        *,
        seed: int = 0,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        config: Config | None = None,
        **settings: Any,
    ) -> None:
        self.preset = preset
        self.seed = seed
        self.device = device
        self.config = config
        self.settings = settings
        check_names(settings, self._arguments())

    def _arguments(self) -> dict[str, Any]:
        return {"preset": self.preset, "seed": self.seed, "device": self.device, "config": self.config}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments and the settings given by name, as scikit-learn's tools expect."""
        return {**self._arguments(), **self.settings}

    def set_params(self, **parameters: Any) -> Self:
        """Set constructor arguments or settings by name and return self.

        Raises:
            UsageError: for a name that is neither; nothing is set then.
        """
        arguments = self._arguments()
        settings = {name: value for name, value in parameters.items() if name not in arguments}
        check_names(settings, arguments)
        for name in set(parameters) & set(arguments):
            setattr(self, name, parameters[name])
        self.settings = {**self.settings, **settings}
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import InputTags, Tags, TargetTags

        inputs = InputTags(two_d_array=False, allow_nan=False)
        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            input_tags=inputs,
            no_validation=True,
        )

    def __repr__(self) -> str:
        plain = {"preset": "default", "seed": 0, "device": "auto", "config": None}
        given = [f"{name}={value!r}" for name, value in self.get_params().items() if plain.get(name, ...) != value]
        fitted = f" fitted on {sentence(self.fitted_.counts())}" if hasattr(self, "fitted_") else ""
        return f"RecDiff({', '.join(given)}){fitted}"

    def _repr_html_(self) -> str:
        counts = self.fitted_.counts() if hasattr(self, "fitted_") else {"fitted": "not yet"}
        return html_table("RecDiff", {**self.get_params(), **counts})

    def _config(self) -> Config:
        """Return the settings of a fit: those given by name before ``config``, or before preset, seed and device."""
        base = self.config or Config(preset=self.preset, seed=self.seed, device=self.device)
        return configured(base, self.settings)

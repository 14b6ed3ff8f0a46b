"""Who joins the systems built in, in one comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recdiff.errors import UsageError


@dataclass(frozen=True)
class Invited:
    """What a comparison is asked to take in.

    Attributes:
        models: paths package.module:Class, see ``own_model``.
        scores: files with what other systems gave, see ``recdiff.data.outside.scores``.
        beside: names of the systems built in to compare with; empty: all.
    """

    models: tuple[str, ...] = ()
    scores: tuple[Path, ...] = ()
    beside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is named twice.

        Raises:
            UsageError: something is.
        """
        for option, named in (("--model", self.models), ("--scores", self.scores), ("--beside", self.beside)):
            twice = next((each for place, each in enumerate(named) if each in named[:place]), None)
            if twice is not None:
                raise UsageError(f"{option} {twice}: is given twice; name each once")

    @property
    def anyone(self) -> bool:
        """Whether there is anything to take in or to leave out."""
        return bool(self.models or self.scores or self.beside)

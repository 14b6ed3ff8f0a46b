"""How much a study spends: seeds, epochs and trials, in full or quick."""

from __future__ import annotations

from dataclasses import dataclass

from recdiff.errors import UsageError

QUICK_SEEDS = 2
SEEDS = 5


@dataclass(frozen=True)
class Budget:
    """What a study may spend.

    Attributes:
        quick: whether this is the small budget.
        seeds: of every final fit.
        epochs: at most so many per fit; None leaves every model its own number.
        trials: settings tried per tuned model, each with one seed, judged on validation.
        repeats: timed repetitions of a measurement.
        resamples: of the bootstrap over users.
    """

    quick: bool
    seeds: tuple[int, ...]
    epochs: int | None
    trials: int
    repeats: int
    resamples: int = 2_000

    @classmethod
    def of(cls, quick: bool, seeds: int | None) -> Budget:
        """Return the budget for ``--quick`` and ``--seeds`` (None: the budget's own number).

        Raises:
            UsageError: fewer than one seed.
        """
        if seeds is not None and seeds < 1:
            raise UsageError(f"--seeds {seeds}: at least one seed is needed")
        if quick:
            return cls(True, tuple(range(seeds or QUICK_SEEDS)), epochs=40, trials=2, repeats=3)
        return cls(False, tuple(range(seeds or SEEDS)), epochs=None, trials=8, repeats=10)

    def describe(self) -> str:
        """Say what was spent, in one sentence."""
        kind = "Quick run" if self.quick else "Full run"
        seeds = f"{len(self.seeds)} seed{'s' if len(self.seeds) > 1 else ''} ({', '.join(map(str, self.seeds))})"
        less = "; a quick run shows the shape of things, take its numbers with care" if self.quick else ""
        epochs = "each model's own number of epochs" if self.epochs is None else f"at most {self.epochs} epochs a fit"
        return f"{kind}: {seeds}, {epochs}, {self.trials} trials per tuned model{less}."

"""Models to compare with, tuned on validation with one small budget each."""

from recdiff.baselines.registry import BASELINES, TRIALS, Baseline, baseline, tune
from recdiff.baselines.task import Task, validation_judge

__all__ = ["BASELINES", "TRIALS", "Baseline", "Task", "baseline", "tune", "validation_judge"]

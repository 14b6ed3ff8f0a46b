"""RecDiff as published, for comparison."""

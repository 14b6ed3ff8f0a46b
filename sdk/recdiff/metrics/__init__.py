"""How good a ranking or a score is."""

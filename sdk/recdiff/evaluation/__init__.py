"""A model measured against truth and simple baselines."""

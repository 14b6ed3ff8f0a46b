"""Score and recommend with a bundle, without torch."""

"""A fake score for every edge of a social graph."""

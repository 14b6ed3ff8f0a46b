"""Score edges from files, part by part."""

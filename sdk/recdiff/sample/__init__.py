"""A made-up data folder with planted fakes."""

"""From data frames to the rows of a table."""

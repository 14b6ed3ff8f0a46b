"""Names of the members of a blend."""

OURS, WALKS, EASE, POPULARITY = "recdiff", "walks", "ease", "popularity"

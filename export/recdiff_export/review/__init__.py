"""The page on which groups, accounts and edges are looked at and decided, on this machine alone."""

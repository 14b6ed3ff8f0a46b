"""Which edges are kept, and the folder that says so."""

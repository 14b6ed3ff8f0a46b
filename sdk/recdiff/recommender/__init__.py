"""The default recommender."""

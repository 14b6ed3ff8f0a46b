"""The recommender and simple members beside it, weighed on validation."""

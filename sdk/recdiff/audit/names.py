"""What is called how, for those too who must do without the libraries of a fit."""

NAME = "decisions.csv"
"""The file of decisions beside the data."""
NOTED = "data"
"""Where a model's calibration notes the way to its data."""

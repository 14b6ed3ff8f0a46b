"""A fitted model that takes in what came after its fit."""

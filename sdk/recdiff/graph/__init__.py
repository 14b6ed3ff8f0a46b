"""Sparse graphs: adjacency, normalisation, products, spectra."""

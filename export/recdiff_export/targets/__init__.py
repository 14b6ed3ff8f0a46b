"""Bundles in the form that other servers take."""

"""Rows that have a fault: found, told and left out."""

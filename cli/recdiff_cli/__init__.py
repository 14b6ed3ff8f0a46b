"""Part of recdiff-sdk."""

"""Neural systems that the article compares with, one a module."""

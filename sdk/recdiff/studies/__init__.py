"""The article's studies as commands: each writes a tidy CSV, figures and a paragraph computed from the numbers."""

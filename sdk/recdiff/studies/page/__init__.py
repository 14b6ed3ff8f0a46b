"""How studies are shown."""

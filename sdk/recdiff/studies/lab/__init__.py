"""How the cells of studies are computed."""

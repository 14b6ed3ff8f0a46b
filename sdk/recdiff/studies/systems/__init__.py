"""How the systems that studies compare are fitted, and the code that their results depend on."""

"""How many edges are fakes of which kind."""

"""What fakes look like: how they are drawn and injected."""

"""Tell real social ties from noise and fakes."""

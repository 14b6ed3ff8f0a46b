"""What a person who decides is shown, and what follows from what they say; without any page."""

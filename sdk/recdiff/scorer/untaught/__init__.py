"""What nobody teaches: answers, made groups and oddity, which stand beside the networks."""

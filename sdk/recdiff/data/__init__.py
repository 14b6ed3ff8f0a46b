"""From files to a SocialDataset."""

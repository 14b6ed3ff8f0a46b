"""The pure mathematics of diffusion."""

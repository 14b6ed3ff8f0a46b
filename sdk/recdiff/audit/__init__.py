"""What people find out about edges: audits, decisions, and what both allow to promise."""

"""A run's evidence as a bundle: downloaded whole, and checked against its manifest (I6, SC-003)."""

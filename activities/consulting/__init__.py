"""Asks the image's own package index: which release, since when, and what is in it."""

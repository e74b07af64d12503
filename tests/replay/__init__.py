"""Saved histories of every kind of run; workflow code that cannot replay one must not be released."""

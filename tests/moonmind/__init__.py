"""MoonMind as a client: an environment that cannot import us and holds another package `workflows`."""

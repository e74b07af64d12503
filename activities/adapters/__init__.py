"""The only importers of the outside world: Docker, Compose, files, HTTP, StatsD."""

"""Who asked: the programmatic starter, the command line and what it renders."""

"""A build that prints a gigabyte: the worker's memory does not grow with it, and nothing of it is lost."""

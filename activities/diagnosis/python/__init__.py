"""Python: tracebacks, pip and its like, build back ends, names that moved; the scan of its sources."""

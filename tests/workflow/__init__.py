"""The workflow alone: a real time-skipping server, activities that follow a script."""

"""How it is done: one step per file, adapters to the outside world, diagnosis, manifest editors."""

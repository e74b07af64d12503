"""Leading a project back to the state its journal describes; used by the rollback step alone."""

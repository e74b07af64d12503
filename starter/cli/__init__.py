"""The command line ``mm-orchestrator``: what an operator types, and how it is answered."""

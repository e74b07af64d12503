"""What the plan step finds out about a plan for the risk rules; each file answers one question."""

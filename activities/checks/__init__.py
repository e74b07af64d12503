"""What preflight asks before anything is touched; each file answers one question."""

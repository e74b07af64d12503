"""What must happen: deterministic code, pure rules and the models of the contract."""

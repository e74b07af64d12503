"""How runs look on a terminal: pure functions from records to rich renderables and plain lines."""

"""Evidence to findings: rules, knowledge data and a scan of the sources."""

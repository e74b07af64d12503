"""The operator's own words as findings."""

"""``make bench-repair``: how well causes are found, and services repaired, measured on labelled cases."""

"""Soak: mixed runs for hours on one long-lived worker, with faults now and then, judged for leaks."""

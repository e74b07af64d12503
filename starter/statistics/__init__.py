"""The success criteria and rates over a period: pure rules over records, and where records come from."""

"""Bad input at length: everything that parses foreign text is fed mutations of what it knows.

``make fuzz MINUTES=10`` spreads the time over the targets, adds up in ``docs/reliability/fuzz.json`` and
keeps what broke something under ``tests/corpus/fuzz``; the tests play that again, and each target shortly.
"""

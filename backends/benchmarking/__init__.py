"""How Edgewright measures: protocol, clock, sampling, statistics, and the conductor that puts them together.

Binding definitions: docs/MEASUREMENT.md. Nothing is imported here, so naming the package costs nothing;
``statistics`` is the only module that needs NumPy, and nothing needs SciPy.
"""

"""Everything of Edgewright that has no Qt: the engine behind the window and the command line."""

__version__ = "0.1.0"

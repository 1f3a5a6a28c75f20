"""Converters that are no framework of their own. Run in worker processes, where their libraries are.

Each module is named after its edge in ``resources/rules/converters.toml``.
"""

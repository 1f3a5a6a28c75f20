"""Making, repairing and removing managed environments."""

from backends.frameworks.installing.installer import install, remove, repair, use_own

__all__ = ["install", "remove", "repair", "use_own"]

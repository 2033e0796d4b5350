"""photo-watcher: drop photographs in a folder; find them by their words."""

__version__ = "0.1.0"

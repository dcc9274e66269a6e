"""State now: the last value of every signal in dense arrays, and aligned windows of many."""

from gemel.twin.mirror.mirror import Mirror, Snapshot

__all__ = ["Mirror", "Snapshot"]

"""Settings from a YAML file of their own, and computed times, as commands tell them."""

from gemel.core.time import time_text
from gemel.runtime.described import document_of, settings_of

__all__ = ["document_of", "settings_of", "time_text"]

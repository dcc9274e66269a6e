"""Maintenance: which policy for which asset, which work together, and when the line has time."""

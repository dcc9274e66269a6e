"""Experiments with lines."""

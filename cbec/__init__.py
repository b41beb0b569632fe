"""Evaluate China's cross-border e-commerce pilot zones with the status of every cell kept."""

__version__ = "0.1.0"

"""Staggered treatment: one sample, several estimators, the averages that are reported."""

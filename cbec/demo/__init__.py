"""Simulated yearbooks with a known effect; they never share a warehouse with real figures."""

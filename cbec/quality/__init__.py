"""Check what comes in and say how far it can be trusted."""

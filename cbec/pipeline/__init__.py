"""Build beside, test, rename; refresh, go back, and the log of runs."""

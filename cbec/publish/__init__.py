"""Build beside, test, rename; and read what was published."""

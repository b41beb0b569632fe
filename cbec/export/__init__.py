"""Files for other programs, each with the status of its cells."""

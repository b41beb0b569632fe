"""The referee pack of a study: what a referee of a staggered design asks for, in one folder with an index."""

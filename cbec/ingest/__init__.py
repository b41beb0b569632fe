"""From a file as people have it to landed cells, each with its place, its unit and its status.

files -> tables -> (vocabulary, regions) -> cells -> landing. Every module does one of these; what a header,
a unit, a sign for a missing figure or the name of a region means stands in seeds/registry, not here.
"""

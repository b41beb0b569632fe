"""Tables and figures of a study, made from the published file and from nothing else."""

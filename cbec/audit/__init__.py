"""Audit of a printed table without any hand-written claim: what cannot be right whatever was rounded away."""

"""Audit of printed tables: statements that must hold, and what became of them."""

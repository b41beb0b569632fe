"""The published tables for readers of other systems: PostgreSQL."""

"""Data envelopment analysis, productivity indices and the grey model."""

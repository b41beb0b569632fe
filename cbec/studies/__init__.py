"""What runs specifications and diagnostics on a warehouse that is being built."""

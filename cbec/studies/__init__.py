"""What runs specifications on a warehouse that is being built."""

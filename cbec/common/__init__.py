"""What every layer needs: the published file, whole files, words, safe cells, nearest names."""

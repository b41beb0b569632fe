"""The printed tables of a city yearbook: pages, columns and regions as they stand on the page."""

"""Files for other programs: Parquet, CSV, Excel, Stata and a data package, each with the status of its cells."""

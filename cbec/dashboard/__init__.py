"""The dashboard: a Streamlit app that reads the published file and nothing else."""

"""Estimators: data frames in, frozen results out; no database and no dbt inside."""

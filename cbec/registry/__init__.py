"""The registry: checks of its seeds, and the detectors' SQL for tests."""

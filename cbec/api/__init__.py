"""The library for Python users: a panel with the status of every cell in, results that become a frame, a
figure or a Word table out. `import cbec` offers its names; see docs/API.md."""

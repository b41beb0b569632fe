"""A study of the user's own: a folder with one study.yml, estimated by the engine of the shipped studies."""

"""The project as a user runs it: real Meltano, real loaders, real databases."""

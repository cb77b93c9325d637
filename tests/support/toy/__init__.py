"""A sixth vendor that nobody telephones through: what docs/adding-a-vendor.md asks for, no more."""

"""The dbt package: what they say of the sandbox's calls is true."""

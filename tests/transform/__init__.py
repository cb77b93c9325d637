"""The dbt package and the report: what they say of the sandbox's calls is true."""

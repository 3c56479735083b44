"""Sections of the report: each says in words what its tables carry."""

"""Sections of docs/reproduction.md; each is empty where a run has no figures for it."""

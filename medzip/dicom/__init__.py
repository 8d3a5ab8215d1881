"""DICOM: files <-> series, stacks of stored integers, and every other byte."""

"""Daypass: short-lived, narrowed, AWS-compatible credentials for infrastructure you run yourself."""

__version__ = "0.1.0"

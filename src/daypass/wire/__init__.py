"""Bytes ⇄ values, one module per protocol spoken. Pure: no clock, no store, no sockets."""

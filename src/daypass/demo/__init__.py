"""The demo: the main job of Daypass as a story, every step a real request by an unmodified boto3.

Starts a real Daypass and a moto server as its S3 backend on free loopback ports, in a temporary directory, plays the
story and ends both. What each attempt did is taken from the answer; who decided it, from Daypass's own audit log,
found by the answer's request id. Nothing is computed here about what should be allowed: the story only states it,
and an attempt that goes otherwise makes the run fail.

story: who tries what, and what the story says of it. world: the servers, the keys, an attempt made. processes:
starting and ending.
"""

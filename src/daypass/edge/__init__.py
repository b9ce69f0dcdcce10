"""ASGI: bytes in, bytes out. The clock is read here, once a request."""

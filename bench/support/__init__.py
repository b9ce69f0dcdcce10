"""What the benchmarks share: servers, signed requests, the load generator, the operating system's accounts."""

"""Where identities come from outside: what fetches an identity provider's documents."""

"""The commands of `daypass`, one module each. daypass.cli lists them."""

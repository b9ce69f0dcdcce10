"""Tools for people who write policies: lint, cases that test policies, and decisions drawn as the flow.

They need no server and no AWS account. The rules of the language are daypass.policy's; nothing here decides anything
by itself. The commands are daypass.commands.policy's.
"""

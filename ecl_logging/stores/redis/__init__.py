"""The Redis store: one server, shared by machines; each step of the protocol is one Lua script."""

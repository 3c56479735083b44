"""The command `eventstudy`: each command parses, calls one function, prints."""

"""The events process: server-sent events out of Redis streams, without Django, a database or patient text."""

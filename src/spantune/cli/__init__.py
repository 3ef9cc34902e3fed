"""The command line: each command is one small file that parses, calls the library, and shows.

In: words typed in a shell. Out: text for people or JSON for machines, and an exit code.
Does not know: arithmetic; nothing imports this room.
"""

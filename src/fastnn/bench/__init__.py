"""How fast it is, and how that is known: `python -m fastnn bench`.

Every other library runs in a process of its own, maybe under another Python that has no fastnn. Therefore the modules
here name each other by relative imports, and only those that measure fastnn import it.
"""

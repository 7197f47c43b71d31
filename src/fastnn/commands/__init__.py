"""What the words of the command line do: a file for each group of commands, with its arguments beside it."""

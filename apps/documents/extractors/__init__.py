"""From a file to text: in a process of its own, under limits, whatever the file is."""

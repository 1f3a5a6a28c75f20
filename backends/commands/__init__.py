"""What the command line offers: a module a topic adds its commands and says how their documents look."""

"""llama.cpp through llama-cpp-python's low-level interface. Only ``adapter.py`` imports the library."""

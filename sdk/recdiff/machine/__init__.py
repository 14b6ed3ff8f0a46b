"""The machine a fit runs on: cores, threads, devices, clusters, and telling how far one is."""

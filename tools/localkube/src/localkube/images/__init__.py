"""Container images: built from Dockerfiles, or written as archives when a static program is all there is."""

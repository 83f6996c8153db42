"""A store of one's own: models under the digest of their bytes, so that no source has to be there, or the same, for ever.

What lies under `sha256/<digest>/`: the model's files below `files/`, and `manifest.json`, which is written when every file has been
read back. Without it nothing there counts. Nobody has to trust the store: whoever takes a model from it verifies its digest.
"""

"""Facts about the repository that nothing else would notice."""

from pathlib import Path


def test_the_project_folder_named_operator_never_shadows_the_standard_library():
    assert not Path("operator/__init__.py").exists()

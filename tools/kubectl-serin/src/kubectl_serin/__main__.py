"""`python -m kubectl_serin`, and what a zipapp starts."""

from kubectl_serin.cli import main

if __name__ == "__main__":
    main()

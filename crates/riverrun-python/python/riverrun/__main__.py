"""`python -m riverrun serve module:service`, which `riverrun serve module:service` calls."""

from riverrun.service.command import main

if __name__ == "__main__":
    main()

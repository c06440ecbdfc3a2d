"""cosign, which signs images and verifies their signatures."""

from __future__ import annotations

from pathlib import Path

from gitops import programs


def run(program: str | Path, *argv: str | Path) -> None:
    """Run cosign. Raises GitopsError with the reason that it gives if it fails."""
    done = programs.run([program, *argv], missing=programs.how_to_get("cosign"))
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
        done.stderr = (errors or done.stderr.strip().splitlines()[-1:] or [""])[0]
        raise programs.failure(done, f"cosign {argv[0]}")


def key_options(key: str) -> list[str]:
    """Return the options that verify with a public key.

    The key is trusted by itself: what it has signed need not be in a public log.
    """
    return ["--key", key, "--insecure-ignore-tlog"]


def identity_options(identity: str, issuer: str, *, is_pattern: bool = False) -> list[str]:
    """Return the options that verify a keyless signature, by the identity of its certificate."""
    option = "--certificate-identity" + "-regexp" * is_pattern
    return [option, identity, "--certificate-oidc-issuer", issuer]

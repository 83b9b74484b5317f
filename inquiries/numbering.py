"""The reference number that customers read and say on the phone."""

import re
import secrets
import unicodedata

# Crockford's alphabet: no I, L, O, U, so that nothing is misread or misheard.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
IS_NUMBER = re.compile(f"Q-[{_ALPHABET}]{{6}}")
_READ_AS = str.maketrans("ILO", "110")


def new_number() -> str:
    """A random number like ``Q-7K3F9M`` (30 bits). It counts nothing, so it tells nobody how much is asked here."""
    return "Q-" + "".join(secrets.choice(_ALPHABET) for _ in range(6))


def normalise(text: str) -> str:
    """A typed number as it is stored: ``q 7k3f9m`` and ``Q-7K3F9M`` are the same, O is read as 0, I and L as 1."""
    plain = "".join(unicodedata.normalize("NFKC", text).upper().split()).replace("-", "")
    return f"Q-{plain[1:].translate(_READ_AS)}" if plain.startswith("Q") else text

"""A certificate authority for one run, and the server certificates that go wrong in each of the ways they do."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Where a server shows which certificate: all of 127.0.0.0/8 is this machine.
GOOD, EXPIRED, OTHER_NAME, UNKNOWN = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"
ADDRESSES = (GOOD, EXPIRED, OTHER_NAME, UNKNOWN)


class Authority:
    """``folder/ca.pem`` is the authority's certificate; ``issue`` writes ``name.pem`` with certificate and key."""

    def __init__(self, folder, name="Run"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} CA")])
        self.file = folder / f"{name}-ca.pem"
        basic = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        built = self._build(self.name, self.key, timedelta(days=1), (basic, True), (usage, True))
        self.file.write_bytes(built.public_bytes(serialization.Encoding.PEM))

    def issue(self, name, *, ends=timedelta(days=1), addresses=(GOOD,), names=()):
        """A server's certificate; ``ends`` from now, so a negative one has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        others = [*(x509.IPAddress(ip_address(one)) for one in addresses), *map(x509.DNSName, names)]
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        built = self._build(subject, key, ends, (x509.SubjectAlternativeName(others), False), (server, False))
        path = self.folder / f"{name}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + built.public_bytes(serialization.Encoding.PEM)
        )
        path.chmod(0o600)
        return path

    def _build(self, subject, key, ends, *extensions):
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, hashes.SHA256())


def certificates(folder):
    """(the authority that the tests trust, {address: certificate that is shown there})."""
    ours, theirs = Authority(folder), Authority(folder, "Stranger")
    return ours, {
        GOOD: ours.issue("good", names=["localhost"]),
        EXPIRED: ours.issue("expired", ends=-timedelta(days=2), addresses=[EXPIRED]),
        OTHER_NAME: ours.issue("other", addresses=[], names=["imap.other.example"]),
        UNKNOWN: theirs.issue("unknown", addresses=[UNKNOWN]),
    }

"""A certificate for every real host, from an authority made on the spot."""

import ssl
from collections.abc import Iterable
from pathlib import Path

CA_FILE = "simulator-ca.pem"


def make_tls(state_dir: Path, real_hosts: Iterable[str]) -> tuple[ssl.SSLContext, Path]:
    """Make an authority and one certificate for the real hosts and this machine.

    Only the authority's certificate is written (`simulator-ca.pem` in the state directory); its key is never stored,
    so nobody can make further certificates from it.
    """
    import trustme

    authority = trustme.CA(organization_name="Crossbook simulator", organization_unit_name="local tests only")
    certificate = authority.issue_cert("127.0.0.1", "::1", "localhost", *real_hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    certificate.configure_cert(context)
    ca_file = state_dir / CA_FILE
    authority.cert_pem.write_to_path(str(ca_file))
    return context, ca_file

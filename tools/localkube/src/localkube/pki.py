"""Keys and certificates of a cluster. Elliptic curves everywhere: RSA keys would cost a second of every start."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from localkube.addresses import AddressPlan

_VALID_DAYS = 365


@dataclass(frozen=True)
class Authority:
    """A certificate authority that can sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def write_pki(folder: Path, plan: AddressPlan, nodes: int) -> None:
    """Everything that the components of a cluster with so many nodes need, as PEM files in `folder`."""
    folder.mkdir(mode=0o700)
    authority = _authority(folder, "ca", "localkube")
    front_proxy = _authority(folder, "front-proxy-ca", "localkube-front-proxy")
    dns = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    names = (*dns, "kubernetes.default.svc.cluster.local")
    addresses = (plan.control_plane, plan.kubernetes_service, IPv4Address("127.0.0.1"))
    _issue(folder, "apiserver", authority, "kube-apiserver", names=names, addresses=addresses)
    _issue(folder, "apiserver-kubelet-client", authority, "kube-apiserver-kubelet-client", group="system:masters")
    _issue(folder, "front-proxy-client", front_proxy, "front-proxy-client")
    _issue(folder, "admin", authority, "kubernetes-admin", group="system:masters")
    for component in ("kube-controller-manager", "kube-scheduler", "kube-proxy"):
        _issue(folder, component, authority, f"system:{component}")
    for number in range(1, nodes + 1):
        node = f"node{number}"
        user = f"system:node:{node}"
        _issue(folder, node, authority, user, group="system:nodes", names=(node,), addresses=(plan.node(number),))
    tokens = ec.generate_private_key(ec.SECP256R1())
    _write_key(folder / "service-accounts.key", tokens)
    public = tokens.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "service-accounts.pub").write_bytes(public)


def _authority(folder: Path, file: str, name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder, file, certificate, key)
    return Authority(certificate, key)


def _issue(
    folder: Path,
    file: str,
    authority: Authority,
    user: str,
    *,
    group: str = "",
    names: Sequence[str] = (),
    addresses: Sequence[IPv4Address] = (),
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
    if group:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _builder(x509.Name(attributes), authority.certificate.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(issuer_key, critical=False)
    )
    if names or addresses:
        alternatives = [*(x509.DNSName(name) for name in names), *(x509.IPAddress(address) for address in addresses)]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    _write(folder, file, builder.sign(authority.key, hashes.SHA256()), key)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=_VALID_DAYS))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(folder: Path, file: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    (folder / f"{file}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(folder / f"{file}.key", key)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(pem)

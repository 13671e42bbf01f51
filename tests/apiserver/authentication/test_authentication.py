"""Certificates and tokens name users; what nobody accepts is refused without saying why; nothing is anonymous."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kube.api.types.authentication_v1 import UserInfo
from kube.apimachinery.errors import ApiError
from kube.apiserver.authentication.interface import (
    CREDENTIAL_ID,
    Credentials,
    InvalidCredentialsError,
    service_account,
)
from kube.apiserver.authentication.tokens import BearerAuthenticator, StaticTokens
from kube.apiserver.authentication.union import RequestAuthenticator
from kube.apiserver.authentication.x509 import CertificateAuthenticator
from kube.apiserver.pki import CertificateAuthority
from kube.base.chance import Chance
from kube.base.clock import FakeClock

ADMIN = UserInfo(username="admin", groups=("system:masters",))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def authority(clock):
    return CertificateAuthority.create(clock.now(), Chance(1))


def der(pair):
    certificate = x509.load_pem_x509_certificate(pair.certificate)
    return certificate.public_bytes(serialization.Encoding.DER)


@pytest.fixture
def authenticator(clock):
    return RequestAuthenticator(
        CertificateAuthenticator(clock),
        BearerAuthenticator(StaticTokens({"s3cret": ADMIN, "other": UserInfo(username="o")})),
    )


def test_a_certificate_names_user_and_groups(authenticator, authority, clock):
    shown = der(authority.client("jane", ("dev",), clock.now()))
    user = authenticator.authenticate(Credentials(certificate=shown))
    assert (user.username, user.groups) == ("jane", ("dev", "system:authenticated"))
    assert user.extra[CREDENTIAL_ID][0].startswith("X509SHA256=")
    assert authenticator.authenticate(Credentials(certificate=bytes(shown))) is user


def test_a_certificate_expires_while_its_connection_lives(authenticator, authority, clock):
    credentials = Credentials(certificate=der(authority.client("jane", (), clock.now())))
    assert authenticator.authenticate(credentials).username == "jane"
    clock.advance(366 * 86400)
    with pytest.raises(ApiError) as caught:
        authenticator.authenticate(credentials)
    assert caught.value.code == 401


def nameless(now):
    key = ec.generate_private_key(ec.SECP256R1())
    groups = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters")])
    made = datetime.fromtimestamp(now, UTC)
    builder = x509.CertificateBuilder().subject_name(groups).issuer_name(groups).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(made).not_valid_after(made + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_certificate_without_a_name_is_nobody(authenticator, clock):
    credentials = Credentials(certificate=nameless(clock.now()))
    assert authenticator.authenticate(credentials).username == "system:anonymous"


def test_what_is_no_certificate_is_refused(authenticator):
    with pytest.raises(ApiError):
        authenticator.authenticate(Credentials(certificate=b"junk"))


@pytest.mark.parametrize("header", ["Bearer s3cret", "bearer s3cret", "Bearer   s3cret "])
def test_a_static_token(authenticator, header):
    user = authenticator.authenticate(Credentials(authorization=header))
    assert (user.username, user.groups) == ("admin", ("system:masters", "system:authenticated"))


@pytest.mark.parametrize("header", ["Bearer nope", "Bearer s3cre", "Bearer s3cret2"])
def test_an_unknown_token_is_refused_in_upstreams_words(authenticator, header, caplog):
    caplog.set_level(logging.DEBUG, "kube")
    with pytest.raises(ApiError) as caught:
        authenticator.authenticate(Credentials(authorization=header))
    status = caught.value.to_status()
    assert (status.code, status.reason, status.message, status.details) == (
        401,
        "Unauthorized",
        "Unauthorized",
        None,
    )
    assert "invalid bearer token" in caplog.text
    assert header.split()[1] not in caplog.text


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz"])
def test_nothing_shown_is_anonymous(authenticator, header):
    user = authenticator.authenticate(Credentials(authorization=header))
    assert (user.username, user.groups) == ("system:anonymous", ("system:unauthenticated",))


def test_anonymous_requests_can_be_refused(clock):
    with pytest.raises(ApiError):
        RequestAuthenticator(CertificateAuthenticator(clock), allow_anonymous=False).authenticate(
            Credentials()
        )


def test_the_next_authenticator_may_accept_what_one_refuses(authenticator):
    user = authenticator.authenticate(Credentials(certificate=b"junk", authorization="Bearer other"))
    assert user.username == "o"


def test_an_empty_static_token_is_a_mistake():
    with pytest.raises(ValueError, match="empty"):
        StaticTokens({"": ADMIN})


class Known:
    def authenticate_token(self, token):
        if token == "expired":
            raise InvalidCredentialsError("token has expired")


def test_complaints_of_all_authenticators_of_tokens_are_kept():
    with pytest.raises(InvalidCredentialsError, match="token has expired"):
        BearerAuthenticator(StaticTokens({"a": ADMIN}), Known()).authenticate_token("expired")


def test_a_service_account_is_a_user_of_three_groups():
    user = service_account("ns", "robot", "u-1")
    assert (user.username, user.uid) == ("system:serviceaccount:ns:robot", "u-1")
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated")

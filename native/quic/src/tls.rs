//! TLS: whom a client trusts, and what a server shows.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use web_transport_quinn::crypto::sha256;

use crate::failure::{Failure, Kind};

/// Whom a client trusts. There is no way to trust everybody.
#[derive(Clone)]
pub enum Trust {
    /// What the operating system trusts.
    System,
    /// Certificates that chain to one of these authorities.
    Authorities(Vec<CertificateDer<'static>>),
    /// Exactly the certificates with these SHA-256 hashes, whatever their names and dates.
    Pinned(Vec<[u8; 32]>),
}

/// Reads certificates from PEM text.
pub fn certificates(what: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Failure::option(format!("{what} has no CERTIFICATE block"))),
        Err(error) => Err(Failure::option(format!("{what} is not valid PEM: {error}"))),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::option(format!("the certificate authorities cannot be used: {error}"))
}

fn verifier(trust: Trust, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Failure> {
    match trust {
        Trust::System => {
            let verifier = rustls_platform_verifier::Verifier::new(provider.clone()).map_err(|error| {
                Failure::new(Kind::Certificate, format!("no system certificates: {error}"))
            })?;
            Ok(Arc::new(verifier))
        }
        Trust::Authorities(authorities) => {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots.add(authority).map_err(unusable)?;
            }
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(unusable)?;
            Ok(verifier)
        }
        Trust::Pinned(hashes) => Ok(Arc::new(PinnedVerifier { hashes, provider: provider.clone() })),
    }
}

/// TLS of a client that offers `alpn`. May read files: not for the JavaScript thread.
pub fn client(trust: Trust, alpn: Vec<Vec<u8>>) -> Result<Arc<QuicClientConfig>, Failure> {
    let provider = provider();
    let verifier = verifier(trust, &provider)?;
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(internal)?
        .dangerous() // a verifier of our own choice; each of the three verifies
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = alpn;
    Ok(Arc::new(QuicClientConfig::try_from(config).map_err(internal)?))
}

/// TLS of a server with this chain and key that takes one of `alpn`.
pub fn server(cert_pem: &str, key_pem: &str, alpn: Vec<Vec<u8>>) -> Result<Arc<QuicServerConfig>, Failure> {
    let chain = certificates("certPem", cert_pem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|error| Failure::option(format!("keyPem has no usable private key: {error}")))?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(internal)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| Failure::option(format!("certPem and keyPem cannot be used: {error}")))?;
    config.alpn_protocols = alpn;
    Ok(Arc::new(QuicServerConfig::try_from(config).map_err(internal)?))
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::new(Kind::Internal, format!("TLS cannot be set up: {error}"))
}

/// Takes the certificates that were named beforehand, and proves that the peer holds the key of the one it shows.
#[derive(Debug)]
struct PinnedVerifier {
    hashes: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = sha256(&self.provider, end_entity);
        if self.hashes.iter().any(|pinned| pinned.as_slice() == shown.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

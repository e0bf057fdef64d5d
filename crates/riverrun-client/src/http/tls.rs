//! TLS towards a service, by rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::error::ClientError;

/// Whom connections trust.
#[derive(Clone)]
pub(crate) struct Tls(pub(crate) TlsConnector);

impl Tls {
    /// The system's roots, and those in `extra` (PEM).
    pub(crate) fn new(extra: Option<&Path>) -> Result<Self, ClientError> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        // A root that can't be read is another's trouble; that none can is known at the first handshake.
        roots.add_parsable_certificates(system.certs);
        if let Some(path) = extra {
            let fail = |reason: String| ClientError::Tls { endpoint: path.display().to_string(), reason };
            let certificates =
                CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(
                    |error| fail(format!("it can't be read as PEM ({error}); give the file of the root certificate")),
                )?;
            if certificates.is_empty() {
                return Err(fail("there is no certificate in it; give the file of the root certificate".to_owned()));
            }
            for certificate in certificates {
                roots.add(certificate).map_err(|error| fail(format!("a certificate in it can't be used ({error})")))?;
            }
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::Tls { endpoint: "rustls".to_owned(), reason: error.to_string() })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

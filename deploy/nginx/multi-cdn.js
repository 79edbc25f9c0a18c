// The identity that multi-cdn.conf shows to a CDN. Portolan sends certificate and key in base64; nginx takes both
// from a variable that begins with `data:`, so that no key is written to a disk.

// An entitlement without a certificate shows none: for nginx, an empty text is no certificate.
function pem(base64) {
    return base64 ? 'data:' + Buffer.from(base64, 'base64').toString() : '';
}

function certificate(r) {
    return pem(r.variables.cdn_certificate_base64);
}

function key(r) {
    return pem(r.variables.cdn_key_base64);
}

export default { certificate, key };

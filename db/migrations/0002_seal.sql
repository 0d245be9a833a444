-- What is secret is sealed: encrypted with a key that is not in the database. seal(value, context) is
-- ours (db/seal.h); the context names the row and the column, so that what is moved cannot be opened.

-- Tells at the start whether a key is the one that everything here was sealed with.
CREATE TABLE seal (
	key INTEGER NOT NULL PRIMARY KEY CHECK (key = 1), -- there is one
	proof BLOB NOT NULL                               -- a known text, sealed
) STRICT;
INSERT INTO seal (key, proof) VALUES (1, seal('golived', 'seal/proof'));

-- Sealed; Authorization: Bearer …; NULL: none.
ALTER TABLE webhooks ADD COLUMN sealed_bearer_token BLOB;
-- Sealed; a JSON object of strings; NULL: none.
ALTER TABLE webhooks ADD COLUMN sealed_extra_headers BLOB;
UPDATE webhooks SET sealed_bearer_token = seal(bearer_token, id || '/bearer_token'),
	sealed_extra_headers = seal(extra_headers, id || '/extra_headers');
ALTER TABLE webhooks DROP COLUMN bearer_token;
ALTER TABLE webhooks DROP COLUMN extra_headers;

-- Sealed; whsec_…, as it was shown once.
ALTER TABLE webhook_secrets ADD COLUMN sealed_secret BLOB NOT NULL DEFAULT x'';
UPDATE webhook_secrets SET sealed_secret = seal(secret, webhook_key || '/secret');
ALTER TABLE webhook_secrets DROP COLUMN secret;

-- Sealed; of the answer, which may show a secret.
ALTER TABLE idempotency ADD COLUMN sealed_body BLOB NOT NULL DEFAULT x'';
UPDATE idempotency SET sealed_body = seal(body, scope || '/' || name || '/body');
ALTER TABLE idempotency DROP COLUMN body;

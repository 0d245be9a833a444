#!/usr/bin/env node
// Receives golived's webhooks: verify, answer, then work. Node 18 or newer, nothing to install.
//
// WEBHOOK_SECRET  whsec_..., as shown when the webhook was registered; both, separated by a space, during a rotation
// PORT            where to listen on 127.0.0.1, behind whatever does your TLS (9000; 0 lets the system choose)

import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const TOLERANCE_S = 300;
const BODY_MAX_BYTES = 1 << 20;
const REMEMBERED_EVENTS = 10_000;

// Whether one of the signatures is that of one of the secrets over these bytes (a Buffer), and was made within five
// minutes of now (in seconds).
export function verify(secrets, id, timestamp, signatures, body, now) {
  if (!/^\d+$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE_S) return false;
  let good = false;
  for (const secret of secrets) {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
    const expected = Buffer.from(`v1,${mac}`);
    for (const signature of signatures.split(' ')) {
      const given = Buffer.from(signature);
      if (given.length === expected.length && timingSafeEqual(given, expected)) good = true;
    }
  }
  return good;
}

// Yours: a table, with event_id as its key.
const seen = new Set();
const lastSequence = new Map();

// Your work goes here. golived delivers at least once, and retries come late: both are sorted out first.
function handle(event) {
  if (seen.has(event.event_id)) {
    console.log('repeat', event.event_id);
    return;
  }
  seen.add(event.event_id);
  if (seen.size > REMEMBERED_EVENTS) seen.delete(seen.values().next().value);

  const creator = event.creator.unique_id;
  if (event.sequence !== null) { // a test has none
    if (event.sequence < (lastSequence.get(creator) ?? 0)) {
      console.log('outdated', event.event_id);
      return;
    }
    lastSequence.set(creator, event.sequence);
  }
  console.log(event.event, creator, `sequence=${event.sequence}`, `event=${event.event_id}`, event.is_test ? '(test)' : '');
}

async function receive(request, secrets) {
  if (request.method !== 'POST') return 405;
  if (!(Number(request.headers['content-length']) <= BODY_MAX_BYTES)) return 413;
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const header = (name) => request.headers[name] ?? '';
  const now = Date.now() / 1000;
  if (!verify(secrets, header('webhook-id'), header('webhook-timestamp'), header('webhook-signature'), body, now)) return 401;
  const event = JSON.parse(body);
  setImmediate(handle, event); // yours: into a durable queue, because 2xx says that you have it
  return 204;
}

function main() {
  const secrets = (process.env.WEBHOOK_SECRET ?? '').split(/\s+/).filter(Boolean);
  if (secrets.length === 0) {
    console.error('set WEBHOOK_SECRET to the whsec_... of your webhook');
    process.exit(1);
  }
  const server = createServer((request, response) => {
    receive(request, secrets).then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(400).end(),
    );
  });
  server.listen(Number(process.env.PORT ?? 9000), '127.0.0.1', () => {
    console.log(`listening on 127.0.0.1:${server.address().port}`);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) main();

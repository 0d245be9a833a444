// Says what receiver.mjs thinks of the message in VERIFY_..., at VERIFY_NOW.
import { pathToFileURL } from 'node:url';

const { verify } = await import(pathToFileURL(`${process.argv[2]}/receiver.mjs`));
const given = (name) => process.env[`VERIFY_${name}`];

const good = verify(given('SECRETS').split(' '), given('ID'), given('TIMESTAMP'), given('SIGNATURES'),
  Buffer.from(given('BODY')), Number(given('NOW')));
console.log(good ? 'good' : 'refused');

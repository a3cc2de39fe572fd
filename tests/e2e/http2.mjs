// SPDX-License-Identifier: Apache-2.0
// An HTTP/2 client for the tests, which have none in Python: http2.mjs HOST PORT CA CERTIFICATE KEY. Reads requests from stdin, a line of JSON each
// ([method, path, [[name, value]...], body or null]), sends them over one connection, many at once, and prints their answers in the same order:
// [status, [[name, value]...], body in base64].
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { createInterface } from 'node:readline';

const [host, port, ca, cert, key] = process.argv.slice(2);
const UNDER_WAY = 50;
const requests = [];
for await (const line of createInterface({ input: process.stdin })) requests.push(JSON.parse(line));
const session = http2.connect(`https://${host}:${port}`, { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) });
session.on('error', (error) => {
  throw error;
});

function ask([method, path, headers, body]) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': method, ':path': path, ...Object.fromEntries(headers) }, { endStream: body === null });
    const pieces = [];
    let head;
    stream.on('response', (received, flags, raw) => (head = raw));
    stream.on('data', (piece) => pieces.push(piece));
    stream.on('error', reject);
    stream.on('end', () => {
      const pairs = Array.from({ length: head.length / 2 }, (_, i) => [head[2 * i], head[2 * i + 1]]);
      resolve([Number(pairs.find(([name]) => name === ':status')[1]), pairs, Buffer.concat(pieces).toString('base64')]);
    });
    if (body !== null) stream.end(body);
  });
}

for (let at = 0; at < requests.length; at += UNDER_WAY) {
  const answers = await Promise.all(requests.slice(at, at + UNDER_WAY).map(ask));
  process.stdout.write(answers.map((answer) => JSON.stringify(answer) + '\n').join(''));
}
session.close();

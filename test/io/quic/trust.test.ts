import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { quic } from '../../../src/io/quic/addon.ts';
import type { Server, Session, TlsTrust } from '../../../src/io/quic/addon.ts';
import { makeAuthority } from './certificates.ts';
import { authority, leaf, listen, Reader, transports, urlOf } from './pair.ts';
import type { Transport } from './pair.ts';

const protocols = ['moqt-18'];
const wrongHash = new Uint8Array(32).fill(1);

function connect(server: Server, transport: Transport, trust: TlsTrust): Promise<Session> {
  return quic().connect({ url: urlOf(server, transport), trust, protocols });
}

describe.each(transports)('%s', (transport) => {
  test('an authority is trusted, another one is not', async () => {
    const server = await listen();
    const other = await makeAuthority();
    await connect(server, transport, { kind: 'ca', pem: authority.pem });
    await connect(server, transport, { kind: 'ca', pem: `${other.pem}\n${authority.pem}` });
    await expect(connect(server, transport, { kind: 'ca', pem: other.pem })).rejects.toMatchObject({
      code: 'ERR_QUIC_CERTIFICATE',
    });
  });

  test('a pinned certificate is trusted, another one is not', async () => {
    const server = await listen();
    await connect(server, transport, { kind: 'certificate-hash', sha256: [wrongHash, leaf.hash] });
    const refused = connect(server, transport, { kind: 'certificate-hash', sha256: [wrongHash] });
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_QUIC_CERTIFICATE',
      message: expect.stringContaining('not one of the pinned') as unknown,
    });
  });

  test('the pinned authority does not stand for its certificates, nor does its leaf for the authority', async () => {
    const server = await listen();
    const sibling = await authority.issue();
    await expect(
      connect(server, transport, { kind: 'certificate-hash', sha256: [sibling.hash] }),
    ).rejects.toMatchObject({ code: 'ERR_QUIC_CERTIFICATE' });
    await expect(connect(server, transport, { kind: 'ca', pem: sibling.certPem })).rejects.toMatchObject({
      code: 'ERR_QUIC_CERTIFICATE',
    });
  });

  test('the system trusts no certificate of the tests', async () => {
    const server = await listen();
    await expect(connect(server, transport, { kind: 'system' })).rejects.toMatchObject({
      code: 'ERR_QUIC_CERTIFICATE',
    });
  });

  test('a certificate that has expired or is for another name is refused', async () => {
    for (const wrong of [{ days: -1 }, { names: ['relay.example'] }]) {
      const server = await listen(await authority.issue(wrong));
      await expect(connect(server, transport, { kind: 'ca', pem: authority.pem })).rejects.toMatchObject({
        code: 'ERR_QUIC_CERTIFICATE',
      });
    }
  });

  test('a server shows a new certificate to new clients and keeps the old ones', async () => {
    const server = await listen();
    const before = await connect(server, transport, { kind: 'certificate-hash', sha256: [leaf.hash] });
    const next = await authority.issue();
    server.reloadCertificate(next.certPem, next.keyPem);
    await connect(server, transport, { kind: 'certificate-hash', sha256: [next.hash] });
    await expect(
      connect(server, transport, { kind: 'certificate-hash', sha256: [leaf.hash] }),
    ).rejects.toMatchObject({ code: 'ERR_QUIC_CERTIFICATE' });
    const peer = await server.accept();
    peer?.sendObject(2, 0, new Uint8Array(3));
    expect(await new Reader(before).whole(1)).toHaveLength(3);
    expect(() => {
      server.reloadCertificate(next.certPem, leaf.keyPem);
    }).toThrow('certPem and keyPem cannot be used');
  });
});

// OpenSSL's variable is how Linux names the system's authorities to this process alone.
test.runIf(process.platform === 'linux')('the system’s authorities are trusted', async () => {
  const server = await listen();
  const folder = await mkdtemp(path.join(tmpdir(), 'conclave-trust-'));
  const file = path.join(folder, 'authority.pem');
  await writeFile(file, authority.pem);
  const addon = fileURLToPath(new URL('../../../native/quic/conclave-quic.node', import.meta.url));
  const script = `require(${JSON.stringify(addon)}).connect({
    url: ${JSON.stringify(urlOf(server, 'quic'))}, trust: { kind: 'system' }, protocols: ['moqt-18'],
  }).then((session) => console.log('trusted', session.protocol), (error) => console.log(error.code))`;
  const run = (env: NodeJS.ProcessEnv) => promisify(execFile)(process.execPath, ['-e', script], { env });
  const withFile = await run({ ...process.env, SSL_CERT_FILE: file, SSL_CERT_DIR: folder });
  expect(withFile.stdout.trim()).toBe('trusted moqt-18');
  expect((await run(process.env)).stdout.trim()).toBe('ERR_QUIC_CERTIFICATE');
  await rm(folder, { recursive: true });
});

describe('options that cannot be used', () => {
  const good = { url: 'moqt://127.0.0.1:1', trust: { kind: 'system' } as TlsTrust, protocols };
  const invalid = { code: 'ERR_QUIC_INVALID_OPTION' };

  test.each([
    ['url', { ...good, url: 'http://127.0.0.1' }],
    ['url', { ...good, url: 'nonsense' }],
    ['trust', { ...good, trust: { kind: 'insecure' } as unknown as TlsTrust }],
    ['trust', { ...good, trust: { kind: 'certificate-hash', sha256: [] } as TlsTrust }],
    ['sha256', { ...good, trust: { kind: 'certificate-hash', sha256: [new Uint8Array(31)] } as TlsTrust }],
    ['pem', { ...good, trust: { kind: 'ca', pem: 'not PEM' } as TlsTrust }],
    ['protocols', { ...good, protocols: [] }],
    ['protocols', { ...good, protocols: ['h3'] }],
    ['idleTimeoutMs', { ...good, limits: { idleTimeoutMs: 0 } }],
    ['streamWindow', { ...good, limits: { streamWindow: 1 } }],
    ['maxConcurrentUni', { ...good, limits: { maxConcurrentUni: 0.5 } }],
  ])('of connect: %s', async (word, options) => {
    const message: unknown = expect.stringContaining(word);
    await expect(quic().connect(options)).rejects.toMatchObject({ ...invalid, message });
  });

  test.each([
    ['address', { address: 'localhost' }],
    ['certPem', { certPem: '' }],
    ['keyPem', { keyPem: leaf.certPem }],
    ['maxSessions', { maxSessions: 0 }],
  ])('of listen: %s', async (word, options) => {
    const message: unknown = expect.stringContaining(word);
    await expect(listen(options)).rejects.toMatchObject({ ...invalid, message });
  });
});

describe('who cannot be reached', () => {
  const trust: TlsTrust = { kind: 'ca', pem: authority.pem };
  const limits = { handshakeTimeoutMs: 300 };

  test.each(transports)('a silent port, %s', async (transport) => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await new Promise((resolve) => socket.once('listening', resolve));
    const scheme = transport === 'quic' ? 'moqt' : 'https';
    const url = `${scheme}://127.0.0.1:${String(socket.address().port)}/`;
    await expect(quic().connect({ url, trust, protocols, limits })).rejects.toMatchObject({
      code: 'ERR_QUIC_TIMEOUT',
      message: expect.stringMatching(
        /no QUIC answer from 127\.0\.0\.1:\d+ \(UDP\) within 300 ms/u,
      ) as unknown,
    });
    socket.close();
  });

  test('a name that does not exist', async () => {
    const url = 'moqt://relay.invalid:4443';
    await expect(quic().connect({ url, trust, protocols })).rejects.toMatchObject({
      code: 'ERR_QUIC_ADDRESS',
      message: expect.stringContaining('relay.invalid cannot be resolved') as unknown,
    });
  });

  test('a port that is taken', async () => {
    const server = await listen();
    await expect(listen({ address: server.localAddress })).rejects.toMatchObject({
      code: 'ERR_QUIC_ADDRESS',
    });
  });

  test('a server that is full', async () => {
    const server = await listen({ maxSessions: 1 });
    const first = await quic().connect({ url: urlOf(server, 'quic'), trust, protocols });
    await expect(quic().connect({ url: urlOf(server, 'quic'), trust, protocols })).rejects.toMatchObject({
      code: 'ERR_QUIC_REFUSED',
      message: expect.stringContaining('refuses connections') as unknown,
    });
    first.close(0, '');
    const peer = await server.accept();
    if (peer) await new Reader(peer).take('closed');
    expect((await quic().connect({ url: urlOf(server, 'quic'), trust, protocols })).protocol).toBe('moqt-18');
  });

  test('a name with an IPv6 and an IPv4 address, of which one answers', async () => {
    const server = await listen();
    const url = urlOf(server, 'quic').replace('127.0.0.1', 'localhost');
    const session = await quic().connect({ url, trust, protocols });
    expect(session.remoteAddress).toBe(server.localAddress);
  });
});

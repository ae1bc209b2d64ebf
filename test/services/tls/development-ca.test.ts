import { createHash, X509Certificate } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  DevelopmentCertificateError,
  ensureDevelopmentCertificate,
} from '../../../src/services/tls/development-ca.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'conclave-ca-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const leafOf = (certificate: { certPem: string }): X509Certificate =>
  new X509Certificate(certificate.certPem);

describe('development certificates', () => {
  test('a leaf is no authority, names its hosts, lives at most 90 days and is signed by the authority', async () => {
    const made = await ensureDevelopmentCertificate(directory, ['relay.example', '192.0.2.7']);
    const leaf = leafOf(made);
    const ca = new X509Certificate(made.caPem);
    expect(leaf.ca).toBe(false);
    expect(ca.ca).toBe(true);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.checkHost('relay.example')).toBe('relay.example');
    expect(leaf.checkHost('localhost')).toBe('localhost');
    expect(leaf.checkHost('other.example')).toBeUndefined();
    for (const ip of ['127.0.0.1', '::1', '192.0.2.7']) expect(leaf.checkIP(ip)).toBe(ip);
    const lifetime = Date.parse(leaf.validTo) - Date.parse(leaf.validFrom);
    expect(lifetime).toBeLessThanOrEqual(90 * DAY_MS);
    expect(leaf.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(made.caSha256).toEqual(new Uint8Array(createHash('sha256').update(ca.raw).digest()));
  });

  test('a TLS client that trusts ca.pem verifies the server, one that trusts the system does not', async () => {
    const { certPem, keyPem, caPem } = await ensureDevelopmentCertificate(directory, []);
    const server = createServer({ cert: certPem, key: keyPem }, (_request, response) => response.end('ok'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const status = (ca: string | undefined): Promise<number | string> =>
      new Promise((resolve) => {
        request({ host: '127.0.0.1', port, ca, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .on('error', (error: NodeJS.ErrnoException) => {
            resolve(error.code ?? error.message);
          })
          .end();
      });
    try {
      expect(await status(caPem)).toBe(200);
      expect(await status(undefined)).toBe('SELF_SIGNED_CERT_IN_CHAIN');
    } finally {
      server.close();
    }
  });

  test('private files are readable by the owner only', async () => {
    await ensureDevelopmentCertificate(directory, []);
    const names = await readdir(directory);
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
    for (const name of names) {
      const { mode } = await stat(path.join(directory, name));
      const isPrivate = (await readFile(path.join(directory, name), 'utf8')).includes('PRIVATE KEY');
      expect(mode & 0o777).toBe(isPrivate ? 0o600 : 0o644);
      expect(isPrivate).toBe(name !== 'ca.pem');
    }
  });

  test('is stable until the leaf is near its end, then only the leaf is new', async () => {
    const first = await ensureDevelopmentCertificate(directory, []);
    expect(await ensureDevelopmentCertificate(directory, [])).toEqual(first);
    const later = await ensureDevelopmentCertificate(directory, [], Date.now() + 45 * DAY_MS);
    expect(later.caPem).toBe(first.caPem);
    expect(later.certPem).not.toBe(first.certPem);
    expect(Date.parse(leafOf(later).validTo)).toBeGreaterThan(Date.now() + 90 * DAY_MS);
  });

  test('two sets of hosts do not overwrite each other', async () => {
    const relay = await ensureDevelopmentCertificate(directory, ['relay.example']);
    await ensureDevelopmentCertificate(directory, ['counter.example']);
    expect(await ensureDevelopmentCertificate(directory, ['relay.example'])).toEqual(relay);
  });

  test('processes that start at the same moment share one authority', async () => {
    const script = path.resolve('src/services/tls/development-ca.ts');
    const program = `require(${JSON.stringify(script)})
      .ensureDevelopmentCertificate(${JSON.stringify(directory)}, [])
      .then((made) => console.log(made.caPem));`;
    const starts = Array.from({ length: 3 }, () =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', '-e', program]),
    );
    const inProcess = Array.from({ length: 5 }, () => ensureDevelopmentCertificate(directory, []));
    const authorities = [
      ...(await Promise.all(inProcess)).map((made) => made.caPem.trim()),
      ...(await Promise.all(starts)).map(({ stdout }) => stdout.trim()),
    ];
    expect(new Set(authorities).size).toBe(1);
    expect((await readFile(path.join(directory, 'ca.pem'), 'utf8')).trim()).toBe(authorities[0]);
  });

  test('a damaged leaf is replaced, a damaged authority is named', async () => {
    const first = await ensureDevelopmentCertificate(directory, []);
    const leafName = (await readdir(directory)).find((name) => name.startsWith('leaf-')) ?? '';
    await writeFile(path.join(directory, leafName), first.keyPem.slice(0, 60));
    const second = await ensureDevelopmentCertificate(directory, []);
    expect(leafOf(second).verify(new X509Certificate(first.caPem).publicKey)).toBe(true);

    await writeFile(path.join(directory, 'ca-key.pem'), 'nothing of use');
    await expect(ensureDevelopmentCertificate(directory, [])).rejects.toThrow(DevelopmentCertificateError);
    await expect(ensureDevelopmentCertificate(directory, [])).rejects.toThrow(/delete it/);
  });
});

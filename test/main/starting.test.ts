/** What the app is started with: command line, servers file, invitations, the meetings of last time. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../src/main/command-line.ts';
import { createInvitation, readInvitation, summarise, trustOf } from '../../src/main/invitations.ts';
import { loadRecentMeetings, rememberMeeting } from '../../src/main/recent-meetings.ts';
import { makeAuthority } from '../io/quic/certificates.ts';
import { readServers, type Servers } from '../../src/main/servers.ts';
import { MemoryStore } from '../../src/main/storage/memory-store.ts';
import { encodeUtf8 } from '../../src/protocol/bytes/utf8.ts';

const SERVERS: Servers = {
  relays: [
    { url: 'https://relay.example:4443/meet', pass: true },
    { url: 'moqt://second.example/', pass: false },
  ],
  counter: 'https://counter.example/',
  receiptKey: 'A'.repeat(43),
  mode: 'fenced',
};

describe('the command line', () => {
  test('names servers, profile and link, and leaves switches of Chromium alone', () => {
    const parsed = parseCommandLine(['--no-sandbox', '--servers=s.json', '--profile', 'p', '--lang=de']);
    expect(parsed).toMatchObject({
      kind: 'parsed',
      commandLine: { serversFile: 's.json', profileDirectory: 'p', link: undefined, auto: undefined },
    });
  });

  test('puts the window in a row with others', () => {
    expect(parseCommandLine(['--place', '2/3'])).toMatchObject({
      commandLine: { place: { index: 1, count: 3 } },
    });
  });

  test('takes a link that the system hands over among other words', () => {
    const parsed = parseCommandLine(['.', 'file.txt', 'conclave://join/abc']);
    expect(parsed).toMatchObject({ kind: 'parsed', commandLine: { link: 'conclave://join/abc' } });
  });

  test.each([
    [['--profile'], '--profile needs a value.'],
    [['--servers'], '--servers needs a value.'],
    [['--place'], '--place needs a value.'],
    [['--place', '4/3'], "such as 2/3, not '4/3'"],
    [['--place', '0/3'], "such as 2/3, not '0/3'"],
    [['--place', '2/3x'], "such as 2/3, not '2/3x'"],
    [['--auto-join', '--join', 'conclave://join/a'], '--guest NAME'],
    [['--auto-join', '--guest', 'Ana'], '--auto-join needs --join LINK.'],
    [['--auto-join', '--start-meeting', '--guest', 'Ana'], 'not both'],
  ])('says what is wrong with %j', (argv, sentence) => {
    const parsed = parseCommandLine(argv);
    expect(parsed.kind === 'wrong' ? parsed.sentence : '').toContain(sentence);
  });
});

const authority = await makeAuthority();
const NO_CERTIFICATE = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

describe('the servers file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'conclave-servers-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function read(content: string): Promise<ReturnType<typeof readServers>> {
    const file = path.join(folder, 'servers.json');
    await writeFile(file, content);
    return readServers(file);
  }

  test('is read, fenced where it does not say otherwise', async () => {
    const { mode: _, ...rest } = SERVERS;
    expect(await read(JSON.stringify(rest))).toEqual({ kind: 'read', servers: SERVERS });
  });

  test.each([
    ['{', 'not JSON'],
    [JSON.stringify({ ...SERVERS, relays: [] }), 'relays'],
    [JSON.stringify({ ...SERVERS, relays: [{ url: 'ftp://x' }] }), 'relays'],
    [JSON.stringify({ ...SERVERS, counter: 'http://counter.example' }), 'counter'],
    [JSON.stringify({ ...SERVERS, receiptKey: 'short' }), 'receiptKey'],
    [JSON.stringify({ ...SERVERS, verify: false }), 'verify'],
    [JSON.stringify({ ...SERVERS, caPem: '' }), 'certificates in PEM'],
    [JSON.stringify({ ...SERVERS, caPem: 'no certificate' }), 'certificates in PEM'],
    [JSON.stringify({ ...SERVERS, caPem: NO_CERTIFICATE }), 'certificates in PEM'],
    [JSON.stringify({ ...SERVERS, caPem: authority.pem.repeat(5) }), 'one to 4 certificates'],
  ])('says where it is wrong: %#', async (content, where) => {
    const outcome = await read(content);
    expect(outcome.kind === 'wrong' ? outcome.sentence : '').toContain(where);
  });

  test('says that it cannot be read', () => {
    expect(readServers(path.join(folder, 'none.json'))).toMatchObject({ kind: 'wrong' });
  });
});

describe('invitations', () => {
  test('say what they were made of, and no two are alike', () => {
    const link = createInvitation(SERVERS, 'Board', 'post-quantum');
    const read = readInvitation(link);
    if (!read.ok) throw new Error(read.problem.sentence);
    expect(summarise(read.value)).toEqual({
      title: 'Board',
      relays: ['relay.example:4443', 'second.example'],
      counter: 'counter.example',
      verification: 'system',
      keyAgreement: 'post-quantum',
      mediaCipher: 'AES-128-GCM',
      mode: 'fenced',
    });
    expect(createInvitation(SERVERS, 'Board', 'post-quantum')).not.toBe(link);
    expect(trustOf(read.value.anchors)).toEqual({ kind: 'system' });
    const sha256 = new Uint8Array(32);
    expect(trustOf([{ kind: 'certificate-hash', sha256 }])).toEqual({ kind: 'certificate-hash', sha256 });
  });

  test('say what is wrong with them, for people', () => {
    const link = createInvitation(SERVERS, 'Board', 'classical');
    const problems = [
      'https://example.org/',
      link.slice(0, -5),
      `${link}!`,
      `${link.slice(0, 40)}${link[40] === 'A' ? 'B' : 'A'}${link.slice(41)}`,
      `${link}${'A'.repeat(9_000)}`,
    ].map((text) => {
      const read = readInvitation(text);
      return read.ok ? 'read' : read.problem.kind;
    });
    expect(problems).toEqual(['not-a-link', 'damaged', 'damaged', 'damaged', 'damaged']);
  });
});

describe('meetings of last time', () => {
  test('come newest first, each once, eight at most', async () => {
    const store = new MemoryStore();
    let recent = await loadRecentMeetings(store);
    for (let time = 0; time < 12; time += 1)
      recent = await rememberMeeting(store, recent, {
        title: 't',
        link: `conclave://${String(time % 10)}`,
        time,
      });
    expect(await loadRecentMeetings(store)).toEqual(recent);
    expect(recent.map(({ time }) => time)).toEqual([11, 10, 9, 8, 7, 6, 5, 4]);
  });

  test('that cannot be read are none', async () => {
    const store = new MemoryStore();
    for (const content of ['', '{', '{"a":1}', '[{"title":1}]']) {
      await store.save('recent-meetings', encodeUtf8(content));
      expect(await loadRecentMeetings(store)).toEqual([]);
    }
  });
});

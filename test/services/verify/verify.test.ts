import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeBase64Url } from '../../../src/protocol/bytes/base64url.ts';
import { RecordedMeeting } from '../../harness/history/recorded-meeting.ts';

interface Said {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

const root = join(import.meta.dirname, '../../..');
let folder: string;
let meeting: RecordedMeeting;
let [anas, dees, broken] = ['', '', ''];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'conclave-verify-'));
  meeting = await RecordedMeeting.ofFour();
  const [ana, , dee] = meeting.members;
  if (ana === undefined || dee === undefined) throw new Error('they are there');
  [anas, dees, broken] = [join(folder, 'ana.jsonl'), join(folder, 'dee.jsonl'), join(folder, 'broken.jsonl')];
  const text = await meeting.save(ana);
  await writeFile(anas, text);
  await writeFile(dees, await meeting.save(dee));
  await writeFile(broken, text.replace('"by":2', '"by":0'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function verify(...args: string[]): Promise<Said> {
  const command = ['--import', 'tsx', join(root, 'src/services/verify/main.ts'), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: root }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, error: err });
    });
  });
}

test('a history that holds: exit code 0, who did what, and what is only said', async () => {
  const { code, out, error } = await verify(anas, '--receipt-key', encodeBase64Url(meeting.signer.publicKey));
  expect([code, error]).toEqual([0, '']);
  expect(out).toContain('The history holds.');
  expect(out).toContain('without a gap from the beginning');
  expect(out).toMatch(
    /Epoch 4, 2026-01-01T00:04:00.000Z: Cy removed and barred Bo \([0-9]{5}( [0-9]{5}){7}\)/,
  );
  expect(out).toContain('On the word of whoever saved the file:');
});

test('one that came later: of whom there is no proof', async () => {
  const { code, out } = await verify(dees);
  expect(code).toBe(0);
  expect(out).toContain(
    'that these were members in epoch 5, when the file’s view begins: Ana, Dee, Cy; all others',
  );
});

test('one that does not hold: exit code 1, with the line and why', async () => {
  const { code, out, error } = await verify(broken);
  expect([code, out]).toEqual([1, '']);
  expect(error).toBe(
    `${broken}, line 6, epoch 4: does not hold: the Commit was made by somebody else than it says.\n`,
  );
});

test('another counter’s key than the one asked for', async () => {
  const { code, error } = await verify(anas, '--receipt-key', encodeBase64Url(new Uint8Array(32)));
  expect(code).toBe(1);
  expect(error).toContain('another counter’s key than the one asked for');
});

test('two of one meeting', async () => {
  const { code, out } = await verify(anas, dees);
  expect(code).toBe(0);
  expect(out).toContain('the same at all 6 epochs that both have, the security codes at all 1 where');
});

test('as JSON', async () => {
  const { code, out } = await verify('--json', anas);
  expect(code).toBe(0);
  const said = JSON.parse(out) as { kind: string; changes: { by: { name: string } }[] };
  expect([said.kind, said.changes.map(({ by }) => by.name)]).toEqual([
    'holds',
    ['Ana', 'Bo', 'Bo', 'Cy', 'Ana'],
  ]);
});

test('what cannot be read: exit code 2, and nothing of it is repeated', async () => {
  const junk = join(folder, 'junk');
  await writeFile(junk, Uint8Array.of(0xff, 0xfe, 10));
  expect(await verify(junk)).toEqual({
    code: 2,
    out: '',
    error: `${junk}: cannot be read: the file is not UTF-8.\n`,
  });
  expect((await verify(join(folder, 'none'))).code).toBe(2);
  expect((await verify('/dev/zero')).error).toContain('larger than 64 MiB');
  expect((await verify()).code).toBe(2);
});
